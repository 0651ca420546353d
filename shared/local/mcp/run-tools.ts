// Runs over MCP: start one, list them, show a report, explain one verdict.
import { z } from 'zod';
import { CallerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { CanonicalReport } from '../../core/report.ts';
import { runDuty } from '../../runtime/run.ts';
import { readRun, type RunRecord } from '../../runtime/run-record.ts';
import { clusterOf, namespaceOf } from './pods.ts';
import { defineTool, type ToolContext } from './tool.ts';

const MOST_RUNS = 100;
/** A report of thousands of subjects is no reading matter: the rest is shown by `explain_verdict`, one by one. */
const MOST_DECISIONS = 500;

const RunId = z.string().min(1).max(100).describe('Id of a run, as nightshift.list_runs gives it');
const Report = z.looseObject({ summary: z.looseObject({}), run: z.looseObject({ id: z.string() }) });

const run = defineTool({
  name: 'nightshift.run_duty',
  title: 'Run a duty now',
  description:
    'Looks at one scope and decides. A dry run, the default, changes and tells nothing. dry_run=false needs the grant propose (its changes wait for approval) or act.',
  readOnly: false,
  destructive: true,
  idempotent: false,
  input: z.strictObject({
    duty: z.string().max(100).describe('Such as rebalance'),
    namespace: z.string().max(63).optional(),
    cluster: z.string().max(253).optional(),
    scope: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe('For duties whose scope is no namespace'),
    dry_run: z.boolean().default(true),
  }),
  output: Report,
  async run(context, { duty: name, namespace, cluster, scope, dry_run: dryRun }) {
    const ready = context.duties.find(({ duty }) => duty.name === name);
    if (ready === undefined) {
      throw new CallerError(`There is no duty ${JSON.stringify(name)}.`, {
        field: 'duty',
        remedy: `Duties: ${context.duties.map(({ duty }) => duty.name).join(', ')}.`,
      });
    }
    if (!dryRun && context.caller.grant === 'read') {
      throw new CallerError(
        `A run that changes something needs the grant propose or act; ${context.caller.by} has read.`,
        {
          field: 'dry_run',
          remedy: 'Leave dry_run out.',
        },
      );
    }
    const result = await runDuty(ready.surroundings, ready.duty, ready.policy, {
      scope: scope ?? { cluster: clusterOf(context, cluster), namespace: namespaceOf(context, namespace) },
      dryRun,
      trigger: 'manual',
      timeoutSeconds: ready.manifest.timeoutSeconds,
    });
    if (result.kind === 'busy') {
      throw new CallerError(`Run ${result.runId} is at work on this scope until ${result.until} at the latest.`, {
        field: 'scope',
        remedy: 'Try again in a minute.',
      });
    }
    return shown(result.report);
  },
});

function shown(report: CanonicalReport): z.input<typeof Report> {
  const more = report.decisions.length - MOST_DECISIONS;
  const { summary, run: head, ...rest } = report;
  return {
    ...(rest as unknown as JsonObject),
    summary: { ...summary },
    run: { ...head },
    ...(more > 0 ? { decisions: report.decisions.slice(0, MOST_DECISIONS), decisions_more: more } : {}),
  };
}

const Listed = z.object({
  id: z.string(),
  duty: z.string(),
  scope: z.string(),
  trigger: z.string(),
  state: z.string(),
  started_at: z.string(),
  act: z.number().optional(),
  escalate: z.number().optional(),
  skip: z.number().optional(),
  error: z.string().optional(),
});

const list = defineTool({
  name: 'nightshift.list_runs',
  title: 'The latest runs',
  description: 'Runs, the latest first, with how many subjects were acted on, escalated and skipped.',
  openWorld: false,
  input: z.strictObject({
    duty: z.string().max(100).optional(),
    limit: z.int().min(1).max(MOST_RUNS).default(20),
  }),
  output: z.object({ runs: z.array(Listed) }),
  async run(context, { duty, limit }) {
    return { runs: (await latest(context, duty, limit)).map(listed) };
  },
});

async function latest(
  { surroundings }: ToolContext,
  duty: string | undefined,
  limit: number,
): Promise<readonly RunRecord[]> {
  const documents = await surroundings.ports.store.query<RunRecord>('runs', {
    where: duty === undefined ? [] : [{ field: 'duty', op: '==', value: duty }],
    orderBy: { field: 'startedAt', direction: 'descending' },
    limit,
  });
  return documents.map(({ data }) => data);
}

function listed({ id, duty, scope, trigger, state, startedAt, counts, error }: RunRecord): z.input<typeof Listed> {
  return {
    id,
    duty,
    scope,
    trigger,
    state,
    started_at: startedAt,
    ...counts,
    ...(error === undefined ? {} : { error: error.slice(0, 500) }),
  };
}

const show = defineTool({
  name: 'nightshift.show_report',
  title: 'The report of a run',
  description:
    'The canonical report of a run: summary, decisions with rule and evidence, changes, what was told where.',
  openWorld: false,
  input: z.strictObject({ run: RunId }),
  output: Report,
  async run(context, input) {
    return shown(await reportOf(context, input.run));
  },
});

async function reportOf({ surroundings }: ToolContext, id: string): Promise<CanonicalReport> {
  const stored = await readRun(surroundings, id);
  if (stored?.report === undefined) {
    const why =
      stored === undefined
        ? `There is no run ${JSON.stringify(id)}`
        : `Run ${id} is ${stored.record.state} and has no report`;
    throw new CallerError(`${why}. ${stored?.record.error ?? ''}`.trim(), {
      field: 'run',
      remedy: 'nightshift.list_runs gives the ids.',
    });
  }
  return stored.report;
}

const Verdict = z.object({
  subject: z.record(z.string(), z.string()),
  verdict: z.string(),
  rule: z.string(),
  reason: z.string(),
  evidence: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])),
  outcome: z.string().optional(),
  detail: z.string().optional(),
});

const explain = defineTool({
  name: 'nightshift.explain_verdict',
  title: 'Why a subject got its verdict',
  description:
    'The verdict on one subject with its rule, its sentence, every evidence value, and what became of the change. Of the latest run that judged it, or of the run that is named.',
  openWorld: false,
  input: z.strictObject({
    subject: z
      .string()
      .min(1)
      .max(600)
      .describe('A part of its name is enough: pod, pod/container or namespace/pod/container'),
    run: RunId.optional(),
    duty: z.string().max(100).optional(),
  }),
  output: z.object({
    run: z.string(),
    now: z.string(),
    verdicts: z.array(Verdict),
  }),
  async run(context, { subject, run: named, duty }) {
    const ids =
      named === undefined ? (await latest(context, duty, MOST_RUNS)).filter(({ report }) => report !== undefined) : [];
    for (const id of named === undefined ? ids.map((one) => one.id) : [named]) {
      const report = await reportOf(context, id);
      const verdicts = verdictsOn(report, subject);
      if (verdicts.length > 0) {
        return { run: id, now: report.run.now, verdicts };
      }
    }
    throw new CallerError(`No stored run judged ${JSON.stringify(subject)}.`, {
      field: 'subject',
      remedy: 'A dry run (nightshift.run_duty) judges it now and tells its reasons.',
    });
  },
});

const MOST_VERDICTS = 20;

function verdictsOn(report: CanonicalReport, wanted: string): z.input<typeof Verdict>[] {
  const key = wanted.split('/');
  return report.decisions
    .filter(({ subject }) => isWithin(key, Object.values(subject)))
    .slice(0, MOST_VERDICTS)
    .map(({ subject, verdict, rule, reason, evidence }) => {
      const action = report.actions.find(
        ({ rule: of, target }) => of === rule && isWithin(Object.values(subject), Object.values(target).map(String)),
      );
      return {
        subject: { ...subject },
        verdict,
        rule,
        reason,
        evidence: { ...evidence },
        ...(action === undefined ? {} : { outcome: action.outcome, detail: action.detail }),
      };
    });
}

function isWithin(parts: readonly string[], names: readonly string[]): boolean {
  return parts.every((part) => names.includes(part));
}

export const runTools = [run, list, show, explain];
