// Summary → message for the chat, and the same as a page. Both are made from the summary alone, so that a stored one gives them again.
// Problems of the run are told by the runtime, above all this.
import { type Block, bold, code, type Line, type Message, paragraph, text } from '../../shared/core/document.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { Problem, Report } from '../../shared/core/report.ts';
import { causeLines } from '../../shared/core/trail.ts';
import { counted, shortened } from './decide-view.ts';
import { trendPicture } from './report-picture.ts';
import { type SummaryInput, summaryOf } from './report-summary.ts';
import { coverageLine, minutesText, numbersLines, rateText, secondsText } from './report-words.ts';
import type { PipelineReportFacts } from './schema-facts.ts';
import { Summary, type SummaryBranch, type SummaryFailure } from './schema-summary.ts';

/** In the message; the page shows all that the summary holds. */
const ROWS = 8;
const LINES = 6;
const SUSPECTS = 1;

export interface ReportInput extends SummaryInput {
  readonly dryRun: boolean;
}

export function report({ dryRun, ...input }: ReportInput): Report {
  const summary = summaryOf(input);
  const message = messageOf(summary, { rows: ROWS, lines: LINES, suspects: SUSPECTS });
  return {
    summary: { ...summary, ...(dryRun ? { dry_run: true } : {}) },
    message: dryRun ? { ...message, title: `${message.title} (dry run)` } : message,
  };
}

export function problems(facts: PipelineReportFacts): readonly Problem[] {
  return facts.problems;
}

/** The report of a stored run. Fails with zod's error for a summary of another version. */
export function page(stored: JsonObject): Message {
  const { dry_run: _dryRun, ...summary } = stored;
  return messageOf(Summary.parse(summary), { rows: 1000, lines: 1000, suspects: 1000 });
}

interface Room {
  readonly rows: number;
  readonly lines: number;
  readonly suspects: number;
}

function messageOf(summary: Summary, room: Room): Message {
  const file = trendPicture(summary);
  return {
    title: titleOf(summary),
    blocks: [
      paragraph(bold(daysText(summary)), text(` in ${summary.repository ?? summary.workspace}`)),
      { kind: 'list', lines: numbersLines(summary.total) },
      ...section('Broken branches', summary.branches_broken, room.lines, (branch) => branchLines(branch, room)),
      ...section(
        'Failures',
        summary.failures,
        room.lines,
        (failure) => failureLines(failure, summary.branches_broken, room),
        summary.failures_more,
      ),
      ...section('Slower steps', summary.steps_slower, room.lines, (step) => [
        [
          bold(shortened(`${step.repository} · ${step.step}`, 120)),
          text(
            `: median ${secondsText(step.median_s)}, before ${secondsText(step.median_before_s)} (×${String(step.ratio)}, ${String(step.runs)} and ${String(step.runs_before)} runs)`,
          ),
        ],
      ]),
      ...tables(summary, room),
      ...coverageLine(summary.coverage),
    ],
    ...(file === undefined ? {} : { file }),
  };
}

function titleOf({ branches_broken, failures, total, coverage }: Summary): string {
  if (branches_broken.length > 0) {
    return `🔴 Builds: ${counted(branches_broken.length, 'broken branch', 'broken branches')}`;
  }
  const fresh = failures.filter(({ is_new }) => is_new).length;
  if (fresh > 0) {
    return `🟠 Builds: ${counted(fresh, 'new failure')}`;
  }
  if (total.runs === 0) {
    return coverage.days_known === 0 ? '⚪ Builds: nothing is known yet' : '⚪ Builds: nothing ran';
  }
  return `🟢 Builds: ${rateText(total.success_rate)} passed`;
}

function daysText({ from, to, is_unfinished }: Summary): string {
  return `${from === to ? from : `${from} to ${to}`}${is_unfinished ? ' (today, not over)' : ''}`;
}

function branchLines(branch: SummaryBranch, { suspects }: Room): readonly Line[] {
  const since = branch.last_good === null ? 'was not seen to pass' : `passed last in #${String(branch.last_good)}`;
  return [
    [
      bold(shortened(`${branch.repository} ${branch.branch}`, 120)),
      text(' fails since '),
      { text: `#${String(branch.build)}`, url: branch.url },
      text(`, ${counted(branch.failures, 'failure')}; ${since}`),
    ],
    ...causeLines(branch.cause, suspects),
  ];
}

function failureLines(failure: SummaryFailure, broken: readonly SummaryBranch[], { suspects }: Room): readonly Line[] {
  // Its commits are told with the branch.
  const branch = broken.find((one) => one.failure === failure.id);
  const more = failure.repositories_more === 0 ? '' : ` and ${String(failure.repositories_more)} more`;
  return [
    [
      ...(failure.is_new ? [bold('NEW ')] : []),
      { text: `${String(failure.count)}×`, url: failure.url },
      text(` in ${shortened(failure.repositories.join(', '), 150)}${more}, ${shortened(failure.step, 60)}: `),
      code(shortened(failure.message, 160)),
      text(
        `${failure.category === null ? '' : ` (${failure.category})`}${failure.is_new ? '' : `, since ${failure.first_seen.slice(0, 10)}`}`,
      ),
    ],
    ...(branch === undefined
      ? causeLines(failure.cause, suspects)
      : [[text(`   ↳ what broke ${shortened(`${branch.repository} ${branch.branch}`, 120)}`)]]),
  ];
}

function tables(summary: Summary, { rows }: Room): readonly Block[] {
  const blocks: Block[] = [];
  const worst = summary.repositories.filter(({ runs }) => runs > 0);
  if (worst.length > 0) {
    blocks.push(
      paragraph(bold(`Repositories${worst.length > rows ? `, the ${String(rows)} with most failures` : ''}`)),
      {
        kind: 'table',
        header: ['Repository', 'Runs', 'Failed', 'Passed', 'Week before', 'Median', 'p95', 'Queue', 'Wasted'],
        rows: worst
          .slice(0, rows)
          .map((one) => [
            shortened(one.repository, 40),
            String(one.runs),
            String(one.failed),
            rateText(one.success_rate),
            rateText(one.success_rate_before),
            secondsText(one.duration.median_s),
            secondsText(one.duration.p95_s),
            secondsText(one.queue.median_s),
            minutesText(one.minutes_wasted_on_failures + one.minutes_wasted_on_reruns),
          ]),
      },
    );
  }
  if (summary.steps_failing.length > 0) {
    blocks.push(paragraph(bold('Steps that fail most')), {
      kind: 'table',
      header: ['Repository', 'Step', 'Failed', 'Runs', 'Median', 'p95'],
      rows: summary.steps_failing
        .slice(0, rows)
        .map(({ repository, step, failed, runs, duration }) => [
          shortened(repository, 40),
          shortened(step, 40),
          String(failed),
          String(runs),
          secondsText(duration.median_s),
          secondsText(duration.p95_s),
        ]),
    });
  }
  return blocks;
}

function section<T>(
  title: string,
  items: readonly T[],
  most: number,
  linesOf: (item: T) => readonly Line[],
  moreElsewhere = 0,
): readonly Block[] {
  if (items.length === 0) {
    return [];
  }
  const more = Math.max(0, items.length - most) + moreElsewhere;
  const lines = items.slice(0, most).flatMap(linesOf);
  return [
    paragraph(bold(title)),
    {
      kind: 'list',
      lines: more === 0 ? lines : [...lines, [text(`and ${String(more)} more, see the report of the run`)]],
    },
  ];
}
