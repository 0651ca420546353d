// Draws charts. The same chart gives the same picture. No code.
import type { Chart } from '../core/document.ts';

export type PictureTheme = 'light' | 'dark';

export interface Picture {
  svg(chart: Chart, theme: PictureTheme): Promise<string>;
  /** On a white ground, at most 200 kB. */
  png(chart: Chart): Promise<Uint8Array>;
}
