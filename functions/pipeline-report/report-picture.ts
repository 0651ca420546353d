// The one picture of the report: success rate and median duration of 14 days, as the options of a chart. Pure; an adapter draws it.
import type { PictureFile } from '../../shared/core/document.ts';
import type { Summary } from './schema-summary.ts';

const WIDTH = 960;
const HEIGHT = 540;
const GREEN = '#2e9d5b';
const BLUE = '#3b76d6';
const FONT_PIXELS = 20;

/** `undefined` where fewer than two days have builds: a line of one point is no trend. */
export function trendPicture({ workspace, repository, trend }: Summary): PictureFile | undefined {
  const shown = trend.filter(({ is_known, runs }) => is_known && runs > 0);
  if (shown.length < 2) {
    return undefined;
  }
  // Every second day has its label, the last one among them.
  const days = trend.map(({ day }, index) => ((trend.length - 1 - index) % 2 === 0 ? day.slice(5) : ''));
  const rates = trend.map(({ success_rate, is_known }) =>
    is_known && success_rate !== null ? percent(success_rate) : null,
  );
  const medians = trend.map(({ median_s, is_known }) =>
    is_known && median_s !== null ? Math.round(median_s / 6) / 10 : null,
  );
  const label = { fontSize: FONT_PIXELS };
  return {
    name: 'trend.png',
    title: `Builds of ${repository ?? workspace}: success rate and median duration, 14 days`,
    alt: altText(trend),
    picture: {
      width: WIDTH,
      height: HEIGHT,
      option: {
        animation: false,
        title: [
          { text: 'Success rate in %', left: 12, top: 8, textStyle: { fontSize: FONT_PIXELS + 2 } },
          { text: 'Median duration in minutes', left: 12, top: 282, textStyle: { fontSize: FONT_PIXELS + 2 } },
        ],
        grid: [
          { left: 76, right: 24, top: 52, height: 172 },
          { left: 76, right: 24, top: 326, height: 164 },
        ],
        xAxis: [0, 1].map((gridIndex) => ({
          type: 'category',
          gridIndex,
          data: days,
          axisLabel: { ...label, interval: 0 },
          axisTick: { show: false },
        })),
        yAxis: [
          { type: 'value', gridIndex: 0, min: lowest(rates), max: 100, axisLabel: label, splitNumber: 4 },
          { type: 'value', gridIndex: 1, min: 0, axisLabel: label, splitNumber: 3 },
        ],
        series: [
          {
            type: 'line',
            xAxisIndex: 0,
            yAxisIndex: 0,
            data: rates,
            symbolSize: 10,
            lineStyle: { width: 4, color: GREEN },
            itemStyle: { color: GREEN },
          },
          { type: 'bar', xAxisIndex: 1, yAxisIndex: 1, data: medians, itemStyle: { color: BLUE }, barMaxWidth: 36 },
        ],
      },
    },
  };
}

/** What the picture says, for who cannot see it. */
function altText(trend: Summary['trend']): string {
  const known = trend.filter(
    ({ is_known, success_rate, median_s }) => is_known && success_rate !== null && median_s !== null,
  );
  const first = known[0];
  const last = known.at(-1);
  const worst = [...known].sort((a, b) => (a.success_rate ?? 1) - (b.success_rate ?? 1))[0];
  if (first === undefined || last === undefined || worst === undefined) {
    return 'Success rate and median duration of builds: no day with builds.';
  }
  const at = ({ day, success_rate, median_s }: Summary['trend'][number]): string =>
    `${day}: ${String(percent(success_rate ?? 0))}% passed, median ${String(Math.round((median_s ?? 0) / 6) / 10)} minutes`;
  return `Success rate and median duration of builds over 14 days. First ${at(first)}. Last ${at(last)}. Worst ${at(worst)}.`;
}

/** A full scale hides what moves between 90 and 100. */
function lowest(rates: readonly (number | null)[]): number {
  const least = rates.reduce<number>((least, rate) => Math.min(least, rate ?? 100), 100);
  return Math.max(0, Math.floor((least - 5) / 20) * 20);
}

function percent(rate: number): number {
  return Math.round(rate * 1000) / 10;
}
