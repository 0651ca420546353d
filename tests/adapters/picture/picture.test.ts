import { expect, test } from 'vitest';
import { pictureRenderer } from '../../../shared/adapters/picture/picture.ts';
import type { Chart } from '../../../shared/core/document.ts';

const chart = (title: string, width = 800): Chart => ({
  width,
  height: 300,
  option: {
    animation: false,
    title: { text: title },
    xAxis: { type: 'category', data: ['a', 'b', 'c'] },
    yAxis: { type: 'value' },
    series: [{ type: 'line', data: [1, 3, 2] }],
  },
});

/** Width and height stand in the first chunk. */
function sizeOf(png: Uint8Array): readonly [number, number] {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  return [view.getUint32(16), view.getUint32(20)];
}

test('gives a PNG of the asked size under 200 kB, the same one each time', async () => {
  const first = await pictureRenderer().png(chart('Durations'));
  expect([...first.subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
  expect(sizeOf(first)).toEqual([800, 300]);
  expect(first.byteLength).toBeLessThan(200_000);
  expect(Buffer.from(await pictureRenderer().png(chart('Durations'))).equals(first)).toBe(true);
});

test('draws its letters: another title is another picture', async () => {
  const renderer = pictureRenderer();
  const [one, other] = [await renderer.png(chart('Durations')), await renderer.png(chart('Success'))];
  expect(Buffer.from(one).equals(other)).toBe(false);
});

test('what is in the chart stays text in the drawing', async () => {
  const svg = await pictureRenderer().svg(chart('</svg><script>alert(1)</script>'), 'light');
  expect(svg).not.toContain('<script>');
  expect(svg).toContain('&lt;script&gt;');
});

test('light and dark have a ground of their own', async () => {
  const renderer = pictureRenderer();
  expect(await renderer.svg(chart('a'), 'light')).toContain('#ffffff');
  expect(await renderer.svg(chart('a'), 'dark')).toContain('#1f2226');
});

test('a size that would fill the memory is refused', async () => {
  await expect(pictureRenderer().png(chart('a', 1_000_000))).rejects.toThrow('is not drawn');
});
