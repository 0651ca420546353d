// One run of one duty for one scope: lease → observe → decide → act → report → deliver. The order is the promise.
import { describeError } from '../core/errors.ts';
import type { Decision } from '../core/decision.ts';
import { paragraph, text } from '../core/document.ts';
import type { JsonObject } from '../core/json.ts';
import { masked } from '../core/mask.ts';
import type { Policy } from '../core/policy.ts';
import {
  type CanonicalReport,
  type DecidedOutcome,
  isFailure,
  type Outcome,
  type Problem,
  type Report,
  type ReportedDelivery,
} from '../core/report.ts';
import type { StoredDocument } from '../ports/store.ts';
import { closeRun } from './close-run.ts';
import { checkOneVerdictEach, parseEvents, parseFacts, parseScope } from './checked.ts';
import { type RunContext, step, type Surroundings } from './context.ts';
import type { Duty } from './duty.ts';
import { execute } from './executor.ts';
import { fittingEvents, type InboxEvent, takenWrites, waitingEvents } from './inbox.ts';
import { historyOf } from './journal.ts';
import { largeWrites } from './large-document.ts';
import { type Lease, takeLease } from './lease.ts';
import { memoryOf, memoryWrites } from './memory.ts';
import { newsWrites } from './news.ts';
import { deliverRun, type DrainInput, drainOutbox } from './outbox.ts';
import { pausedLine } from './pause.ts';
import { deedsOf, reconcile, type Reconciliation } from './reconcile.ts';
import { canonicalReport, reportedDelivery } from './reporting.ts';
import { recordingWrites } from './recording.ts';
import {
  answeredBefore,
  deliveryWrites,
  recordWrite,
  runExpiry,
  runsCutOff,
  type RunRecord,
  type TriggerKind,
} from './run-record.ts';
import { scopeKey } from './scope.ts';
import type { ToWord, Worded } from './wording.ts';

export interface RunRequest {
  readonly scope: JsonObject;
  readonly dryRun: boolean;
  readonly trigger: TriggerKind;
  /** The sender's id of this delivery: a repeat of it is answered with the finished report. */
  readonly deliveryId?: string;
  /** Time to decide by, ISO; the clock's when absent. */
  readonly now?: string;
  readonly timeoutSeconds: number;
  /** What the caller points at; looked at beside what waits in the inbox. */
  readonly events?: readonly JsonObject[];
  readonly progress?: (message: string) => void;
}

export type RunResult =
  | { readonly kind: 'done' | 'repeat'; readonly report: CanonicalReport; readonly waiting: boolean }
  | { readonly kind: 'busy'; readonly runId: string; readonly until: string };

/** The part of the timeout that is left for report and delivery once no new action is begun. */
const REPORT_SHARE = 0.25;
const DELIVERY_PATIENCE_SECONDS = 60;
/** What has expired is deleted a little with each run, so that no run has much of it to do. */
const PRUNED_A_RUN = 200;
const LEASE_MARGIN_SECONDS = 30;

export async function runDuty<S extends JsonObject, F, P>(
  surroundings: Surroundings,
  typed: Duty<S, F, P>,
  policy: Policy<P>,
  request: RunRequest,
): Promise<RunResult> {
  const duty = typed as unknown as Duty;
  const scope = parseScope(duty, request.scope);
  const { ports } = surroundings;
  const started = ports.clock.now();
  const key = scopeKey(duty.sharedScope?.(scope) ?? scope);
  const repeat = request.dryRun ? undefined : await answeredBefore(ports, duty.name, request.deliveryId);
  if (repeat !== undefined) {
    return { kind: 'repeat', ...repeat };
  }
  const runId = ports.ids.next();
  const base: RunContext = {
    ...surroundings,
    log: surroundings.log.child({ runId, duty: duty.name, scope: key }),
    runId,
    duty: duty.name,
    scope,
    scopeKey: key,
    dryRun: request.dryRun,
    now: request.now ?? started.toISOString(),
    lease: undefined,
    actUntil: started.getTime() + request.timeoutSeconds * 1000 * (1 - REPORT_SHARE),
  };
  if (request.dryRun) {
    const events = await waitingEvents(base, duty);
    const { report } = await judge(base, duty, policy as Policy<unknown>, request, events);
    return { kind: 'done', report, waiting: false };
  }
  const leaseId = `${duty.name}:${key}`;
  const record: RunRecord = {
    id: runId,
    duty: duty.name,
    scope: key,
    trigger: request.trigger,
    startedAt: started.toISOString(),
    state: 'running',
  };
  const until = new Date(started.getTime() + (request.timeoutSeconds + LEASE_MARGIN_SECONDS) * 1000).toISOString();
  const taken = await takeLease(ports.store, leaseId, { runId, until }, [
    { op: 'create', collection: 'runs', id: runId, data: record, expiresAt: runExpiry(base.team, started) },
  ]);
  if (!('lease' in taken)) {
    return { kind: 'busy', runId: taken.holder?.runId ?? 'unknown', until: taken.holder?.until ?? until };
  }
  const { lease } = taken;
  const context: RunContext = { ...base, lease };
  await step(context, 'lease-taken');
  let finished: Finished;
  try {
    const past = await lookAfter(context, record);
    const events = await waitingEvents(context, duty);
    const judged = await judge(context, duty, policy as Policy<unknown>, request, events, past);
    finished = await finish(context, duty, lease, record, request, judged, past, events);
  } catch (error) {
    await giveUp(context, duty, lease, record, error);
    throw error;
  }
  await step(context, 'run-finished');
  const endsAt = started.getTime() + request.timeoutSeconds * 1000;
  const deliveries = await deliver(context, endsAt);
  const worded = await wordedBy(context, finished.toWord, endsAt, request);
  const { report, waiting } = finished;
  return { kind: 'done', waiting, report: { ...report, run: { ...report.run, ...worded }, deliveries } };
}

/** Few have a model: prompts, and what checks the words of one, are loaded where there is one. */
async function wordedBy(
  context: RunContext,
  toWord: ToWord,
  endsAt: number,
  { progress }: Pick<RunRequest, 'progress'>,
): Promise<Worded> {
  if (context.ports.model === undefined) {
    return {};
  }
  const { wordRun } = await import('./wording.ts');
  return wordRun(context, toWord, endsAt, progress);
}

/** What earlier runs of the scope left behind. */
interface Past extends Reconciliation {
  readonly cutOff: readonly StoredDocument<RunRecord>[];
}

/**
 * A run that was cut off told nobody what it did: this one does. One with an action that is not accounted for yet is left to a later
 * run: closed now, it would leave nobody who tells how that action ends.
 */
async function lookAfter(context: RunContext, record: RunRecord): Promise<Past> {
  const { reconciled, problems } = await reconcile(context);
  const cutOff: StoredDocument<RunRecord>[] = [];
  const told = new Map(reconciled.map((one) => [one.action.id, one]));
  for (const document of await runsCutOff(context.ports.store, record)) {
    const { deeds, isOpen } = await deedsOf(context, document.data);
    if (!isOpen) {
      cutOff.push(document);
    }
    for (const deed of deeds) {
      if (isOpen) {
        told.delete(deed.action.id);
      } else {
        told.set(deed.action.id, deed);
      }
    }
  }
  return { reconciled: [...told.values()], problems, cutOff };
}

interface Judged {
  readonly report: CanonicalReport;
  readonly words: Omit<Report, keyof ToWord>;
  readonly toWord: ToWord;
  readonly decided: readonly DecidedOutcome[];
  readonly problems: readonly Problem[];
  readonly facts: unknown;
  readonly policy: Policy<unknown>;
  readonly paused: string | undefined;
}

/** Observe, decide, act, report: everything between taking the scope and telling people. */
async function judge(
  context: RunContext,
  duty: Duty,
  policy: Policy<unknown>,
  request: RunRequest,
  waiting: readonly StoredDocument<InboxEvent>[],
  past: Pick<Past, 'reconciled' | 'problems'> = { reconciled: [], problems: [] },
): Promise<Judged> {
  const observed = await duty.observe({
    scope: context.scope,
    policy,
    now: context.now,
    ports: context.ports,
    history: historyOf(context.ports.store, duty.name, context.scopeKey),
    memory: memoryOf(context.ports.store, duty.name, context.scopeKey),
    events: [...fittingEvents(context, duty, waiting), ...parseEvents(duty, request.events ?? [])],
    progress: request.progress ?? (() => undefined),
  });
  const facts = parseFacts(duty, observed);
  await step(context, 'facts-read');
  const problems = [...duty.problems(facts), ...past.problems, ...(context.ports.problems?.() ?? [])];
  for (const problem of problems) {
    context.log.warn({ problem: problem.kind }, problem.message);
  }
  const decisions = duty.decide(facts, policy);
  checkOneVerdictEach(duty, decisions);
  await step(context, 'decided');
  const refused = problems.some((problem) => problem.kind === 'configuration');
  const outcomes = refused ? decisions.map(refusedOutcome) : await execute(context, decisions);
  const decided: DecidedOutcome[] = decisions.map((decision, index) => {
    const outcome = outcomes[index];
    return outcome === undefined ? { decision } : { decision, outcome };
  });
  const paused = await pausedLine(context, context.scopeKey);
  const { wording, analysis, ...told } = duty.report({ facts, policy, decided, dryRun: context.dryRun });
  const words = masked(context.mask, told);
  logDecisions(context, decided);
  const report = masked(
    context.mask,
    canonicalReport({
      context,
      trigger: request.trigger,
      summary: words.summary,
      decided,
      problems,
      reconciled: past.reconciled,
      refused,
      paused,
    }),
  );
  return { report, words, toWord: { wording, analysis }, decided, problems, facts, policy, paused };
}

function refusedOutcome(decision: Decision): Outcome | undefined {
  return decision.verdict === 'act'
    ? { state: 'refused', detail: 'The run is set up wrongly, see its problems: nothing was changed.' }
    : undefined;
}

function logDecisions(context: RunContext, decided: readonly DecidedOutcome[]): void {
  for (const { decision, outcome } of decided) {
    if (decision.verdict === 'skip') {
      context.log.debug({ subject: decision.subject, rule: decision.reason.rule }, decision.reason.sentence);
    } else {
      const level = outcome !== undefined && isFailure(outcome) ? 'error' : 'info';
      context.log[level](
        {
          subject: decision.subject,
          rule: decision.reason.rule,
          verdict: decision.verdict,
          outcome: outcome?.state,
          actionId: outcome?.actionId,
        },
        decision.reason.sentence,
      );
    }
  }
}

interface Finished {
  readonly report: CanonicalReport;
  readonly toWord: ToWord;
  readonly waiting: boolean;
}

/** Stores the run's end and everything that is to be told of it. */
async function finish(
  context: RunContext,
  duty: Duty,
  lease: Lease,
  record: RunRecord,
  request: RunRequest,
  judged: Judged,
  past: Past,
  events: readonly StoredDocument<InboxEvent>[],
): Promise<Finished> {
  const finished = context.ports.clock.now();
  const { facts, policy, decided } = judged;
  const { reconciled } = past;
  const expiresAt = runExpiry(context.team, finished);
  const large = largeWrites(`run-${context.runId}-report`, judged.report, expiresAt);
  const recorded = recordingWrites(context, { ...judged, reconciled }, { beside: large.writes, expiresAt });
  const waiting = allWait(judged.decided);
  const isRefused = judged.report.run.result === 'refused';
  const done: RunRecord = {
    ...record,
    state: isRefused ? 'refused' : 'done',
    finishedAt: finished.toISOString(),
    counts: countVerdicts(judged.decided),
    report: large.reference,
    ...recorded.fields,
    waiting,
  };
  const cutOffWrites = past.cutOff.map((before) =>
    recordWrite(context.team, before, {
      ...before.data,
      state: 'failed',
      finishedAt: done.startedAt,
      error: `It was cut off; run ${record.id} found out what it did.`,
    }),
  );
  await closeRun(context, lease, done, async () => [
    ...large.writes,
    ...recorded.writes,
    ...cutOffWrites,
    ...takenWrites(events, finished.toISOString()),
    ...(await memoryWrites(context.ports.store, context, duty.remember?.({ facts, policy, decided }) ?? {})),
    // A refusal is no answer to remember: the same delivery may find the mistake mended.
    ...(isRefused ? [] : deliveryWrites(context.team, duty.name, request.deliveryId, record.id, finished)),
    ...(await newsWrites(context, {
      duty,
      report: judged.words,
      decided: judged.decided,
      problems: judged.problems,
      reconciled,
      paused: judged.paused,
    })),
  ]);
  return { report: judged.report, waiting, toWord: judged.toWord };
}

/** Sends what the run has to tell. What cannot be sent now waits in the outbox: the run is over and done whatever happens here. */
async function deliver(context: RunContext, until: number): Promise<readonly ReportedDelivery[]> {
  // Events are not the business of a run, nor are its rights enough for them.
  const { handlers: _handlers, ...rest } = context;
  const input: DrainInput = { ...rest, until };
  try {
    const entries = await deliverRun(input, context.runId, DELIVERY_PATIENCE_SECONDS);
    await drainOutbox(input);
    await context.ports.store.prune(PRUNED_A_RUN);
    return entries.map(reportedDelivery);
  } catch (error) {
    context.log.error(
      { error: describeError(error) },
      'the outbox could not be worked on; what is in it goes out later',
    );
    return [];
  }
}

function allWait(decided: readonly DecidedOutcome[]): boolean {
  const outcomes = decided.flatMap((one) => (one.outcome === undefined ? [] : [one.outcome.state]));
  return outcomes.length > 0 && outcomes.every((state) => state === 'waiting');
}

function countVerdicts(decided: readonly DecidedOutcome[]): Record<'act' | 'escalate' | 'skip', number> {
  const counts = { act: 0, escalate: 0, skip: 0 };
  for (const { decision } of decided) {
    counts[decision.verdict] += 1;
  }
  return counts;
}

/**
 * Ends a run that failed. What it had changed by then is told all the same; when even that cannot be stored the record stays
 * `running`, and the next run of the scope tells it.
 */
async function giveUp(context: RunContext, duty: Duty, lease: Lease, record: RunRecord, error: unknown): Promise<void> {
  const why = context.mask(describeError(error));
  const finishedAt = context.ports.clock.now().toISOString();
  const failed: RunRecord = { ...record, state: 'failed', finishedAt, error: why };
  try {
    const { deeds } = await deedsOf(context, record);
    await closeRun(context, lease, failed, async () =>
      deeds.length === 0
        ? []
        : newsWrites(context, {
            duty,
            report: {
              message: { title: `⛔ ${duty.name} failed`, blocks: [paragraph(text(`${record.scope}: ${why}`))] },
            },
            decided: [],
            problems: [],
            reconciled: deeds,
            paused: undefined,
          }),
    );
  } catch (second) {
    context.log.error(
      { error: describeError(second) },
      'the failed run could not be closed; its lease ends by itself, and the next run looks after it',
    );
  }
}
