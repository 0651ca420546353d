// What holds for all adapters so that they work in a bundle as they do from source.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const SHARED = path.resolve(import.meta.dirname, '../../shared');

// Bundled, a CommonJS package that is imported dynamically has a default export alone: a file of ours, sdk.ts, stands between.
test('only our own files and builtin modules are imported dynamically', () => {
  const imports = readdirSync(SHARED, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('/sdk.ts') && !file.startsWith('local'))
    .flatMap((file) =>
      [...readFileSync(path.join(SHARED, file), 'utf8').matchAll(/\bimport\(\s*'([^']+)'/g)].map(
        ([, from = '']) => `${file}: ${from}`,
      ),
    );
  expect(imports.length).toBeGreaterThan(3);
  expect(imports.filter((one) => !/: (\.|node:)/.test(one))).toEqual([]);
});
