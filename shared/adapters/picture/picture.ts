// Charts as SVG by ECharts on the server, and as PNG from that by resvg. No browser, no native code, no font of the machine.
import type { Chart } from '../../core/document.ts';
import { BugError } from '../../core/errors.ts';
import type { Picture, PictureTheme } from '../../ports/picture.ts';
import { fontFile, rendererWasm } from './assets.ts';
import type * as sdkModule from './sdk.ts';

type Sdk = typeof sdkModule;

/** The name within the font file; an SVG that names another one would have no text in its PNG. */
const FONT = 'DejaVu Sans';
const MOST_BYTES = 200 * 1024;
const MOST_PIXELS = 4000;

const THEMES: Readonly<
  Record<PictureTheme, { readonly ground: string; readonly text: string; readonly line: string }>
> = {
  light: { ground: '#ffffff', text: '#1d1c1d', line: '#d7d7d9' },
  dark: { ground: '#1f2226', text: '#e6e6e6', line: '#454a50' },
};

/** Everything is loaded with the first picture. */
export function pictureRenderer(): Picture {
  let loading: Promise<Sdk> | undefined;
  let renderer: Promise<{ readonly sdk: Sdk; readonly font: Uint8Array }> | undefined;
  const sdk = (): Promise<Sdk> => (loading ??= import('./sdk.ts'));
  const svg: Picture['svg'] = async (chart, theme) => drawn(await sdk(), chart, theme);
  return {
    svg,
    async png(chart) {
      renderer ??= prepared(sdk());
      const ready = await renderer;
      return rasterised(ready, await svg(chart, 'light'), chart);
    },
  };
}

let isWasmReady: Promise<void> | undefined;

async function prepared(loading: Promise<Sdk>): Promise<{ readonly sdk: Sdk; readonly font: Uint8Array }> {
  const sdk = await loading;
  // Once a process: a second call of initWasm throws.
  isWasmReady ??= rendererWasm().then((wasm) => sdk.initWasm(wasm));
  const [font] = await Promise.all([fontFile(), isWasmReady]);
  return { sdk, font };
}

function drawn({ init }: Sdk, { width, height, option }: Chart, theme: PictureTheme): string {
  if (width < 1 || height < 1 || width > MOST_PIXELS || height > MOST_PIXELS) {
    throw new BugError(`A picture of ${String(width)} × ${String(height)} pixels is not drawn.`);
  }
  const chart = init(null, themeOf(theme), { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ ...option });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

function themeOf(theme: PictureTheme): object {
  const { ground, text, line } = THEMES[theme];
  const axis = {
    axisLine: { lineStyle: { color: line } },
    axisLabel: { color: text },
    splitLine: { lineStyle: { color: line } },
  };
  return {
    backgroundColor: ground,
    textStyle: { fontFamily: FONT, color: text },
    title: { textStyle: { color: text, fontFamily: FONT, fontWeight: 'normal' } },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: axis,
  };
}

function rasterised(
  { sdk, font }: { readonly sdk: Sdk; readonly font: Uint8Array },
  svg: string,
  { width }: Chart,
): Uint8Array {
  const image = new sdk.Resvg(svg, {
    fitTo: { mode: 'width', value: width },
    font: { fontBuffers: [font], defaultFontFamily: FONT, loadSystemFonts: false },
  });
  try {
    const rendered = image.render();
    const png = rendered.asPng();
    rendered.free();
    if (png.byteLength > MOST_BYTES) {
      throw new BugError(
        `The picture has ${String(png.byteLength)} bytes, more than the ${String(MOST_BYTES)} of its promise.`,
      );
    }
    return png;
  } finally {
    image.free();
  }
}
