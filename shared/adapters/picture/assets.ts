// The renderer's WebAssembly and the font, as they lie in the packages. The build puts them beside a bundle and a module with the
// same exports in the place of this one (shared/local/build.ts): keep them.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export function rendererWasm(): Promise<Uint8Array> {
  return readFile(require.resolve('@resvg/resvg-wasm/index_bg.wasm'));
}

export function fontFile(): Promise<Uint8Array> {
  return readFile(require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'));
}
