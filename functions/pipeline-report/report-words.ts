// Numbers and causes in words. Pure.
import { type Block, bold, type Line, paragraph, text } from '../../shared/core/document.ts';
import { counted } from './decide-view.ts';
import type { Summary, SummaryNumbers } from './schema-summary.ts';

/** `97.5%`, or a dash where nothing passed or failed. */
export function rateText(rate: number | null): string {
  return rate === null ? '–' : `${String(Math.round(rate * 1000) / 10)}%`;
}

/** `45 s`, `3.2 min`, `1.5 h`. */
export function secondsText(seconds: number | null): string {
  if (seconds === null) {
    return '–';
  }
  return seconds < 99.5 ? `${String(Math.round(seconds))} s` : minutesText(seconds / 60);
}

export function minutesText(minutes: number): string {
  const tenth = (value: number): string => String(Math.round(value * 10) / 10);
  return minutes < 120 ? `${tenth(minutes)} min` : `${tenth(minutes / 60)} h`;
}

export function numbersLines(total: SummaryNumbers): readonly Line[] {
  const { duration, duration_before: earlier, queue } = total;
  const wasted = total.minutes_wasted_on_failures + total.minutes_wasted_on_reruns;
  const share = total.minutes_used === 0 ? '' : ` (${String(Math.round((wasted / total.minutes_used) * 100))}%)`;
  return [
    [
      bold(`${rateText(total.success_rate)} passed`),
      text(
        `, ${rateText(total.success_rate_before)} in the week before: ${counted(total.runs, 'run')}, ${String(total.failed)} failed, ${String(total.stopped)} stopped`,
      ),
    ],
    [
      bold(`Median ${secondsText(duration.median_s)}`),
      text(
        `, ${secondsText(earlier.median_s)} in the week before; mean ${secondsText(duration.mean_s)}, p95 ${secondsText(duration.p95_s)}; waiting for an agent: median ${secondsText(queue.median_s)}, p95 ${secondsText(queue.p95_s)}`,
      ),
    ],
    [
      bold(`${minutesText(total.minutes_used)} used`),
      text(
        `, ${minutesText(wasted)}${share} of them wasted: ${minutesText(total.minutes_wasted_on_failures)} on failures, ${minutesText(total.minutes_wasted_on_reruns)} on reruns`,
      ),
    ],
    ...(total.reruns === 0
      ? []
      : [[text(`${counted(total.reruns, 'rerun')}, ${String(total.reruns_passed)} of them passed`)]]),
  ];
}

/** How far reading got, where it is not all. */
export function coverageLine(coverage: Summary['coverage']): readonly Block[] {
  const { days_known, days_wanted, known_since, running, steps_unread, logs_read, logs_skipped, is_short } = coverage;
  const parts = [
    ...(days_known < days_wanted
      ? [
          `the builds of ${String(days_known)} of ${String(days_wanted)} days are known${known_since === null ? '' : `, back to ${known_since}`}`,
        ]
      : []),
    ...(running > 0 ? [`${counted(running, 'build')} still ran`] : []),
    ...(steps_unread > 0 ? [`the steps of ${counted(steps_unread, 'build')} are not read yet`] : []),
    ...(logs_skipped > 0
      ? [`of failed steps ${String(logs_read)} logs were read, ${String(logs_skipped)} older ones not`]
      : []),
  ];
  if (parts.length === 0) {
    return [];
  }
  const why = is_short ? ' The requests of this hour are spent; the next run reads on.' : '';
  return [paragraph(bold('Not all is in it: '), text(`${parts.join('; ')}.${why}`))];
}
