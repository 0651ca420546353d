// One run of one duty for one scope: lease → observe → decide → act → report → deliver. The order is the promise.
import { BugError, CallerError, describeError } from '../core/errors.ts';
import type { Decision } from '../core/decision.ts';
import type { JsonObject } from '../core/json.ts';
import { hashOf } from '../core/fingerprint.ts';
import { canonicalJson } from '../core/json.ts';
import type { Policy } from '../core/policy.ts';
import {
  type CanonicalReport,
  type DecidedOutcome,
  isFailure,
  type Outcome,
  type Problem,
  type Report,
} from '../core/report.ts';
import type { Write } from '../ports/store.ts';
import { type RunContext, step, type Surroundings } from './context.ts';
import type { Duty } from './duty.ts';
import { execute, type Reconciled, reconcile } from './executor.ts';
import { historyOf } from './journal.ts';
import { largeWrites, type LargeReference, readLarge } from './large-document.ts';
import { type Lease, leaseHolder, leaseRelease, leaseWrite } from './lease.ts';
import { newsWrites } from './news.ts';
import { deliverRun, drainOutbox } from './outbox.ts';
import type { OutboxEntry } from './outbox-entry.ts';
import { canonicalReport, reportedDelivery } from './reporting.ts';
import { scopeKey } from './scope.ts';

export type TriggerKind = 'manual' | 'schedule' | 'push' | 'event';

export interface RunRequest {
  readonly scope: JsonObject;
  readonly dryRun: boolean;
  readonly trigger: TriggerKind;
  /** The sender's id of this delivery: a repeat of it is answered with the finished report. */
  readonly deliveryId?: string;
  /** Time to decide by, ISO; the clock's when absent. */
  readonly now?: string;
  readonly timeoutSeconds: number;
  readonly progress?: (message: string) => void;
}

export type RunResult =
  | { readonly kind: 'done' | 'repeat'; readonly report: CanonicalReport; readonly waiting: boolean }
  | { readonly kind: 'busy'; readonly runId: string; readonly until: string };

/** A run as it is stored, for `nightshift runs` and `show`. */
export interface RunRecord {
  readonly id: string;
  readonly duty: string;
  readonly scope: string;
  readonly trigger: TriggerKind;
  readonly startedAt: string;
  readonly state: 'running' | 'done' | 'refused' | 'failed';
  readonly finishedAt?: string;
  readonly counts?: Readonly<Record<'act' | 'escalate' | 'skip', number>>;
  readonly error?: string;
  readonly report?: LargeReference;
  readonly waiting?: boolean;
}

/** Finished runs are kept this long; the journal has its own retention. */
const RUN_KEPT_SECONDS = 30 * 86_400;
/** The part of the timeout that is left for the report and its delivery once no new action is begun. */
const REPORT_SHARE = 0.25;
const DELIVERY_PATIENCE_SECONDS = 60;
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
  const key = scopeKey(scope);
  const repeat = request.dryRun ? undefined : await repeatedDelivery(surroundings, duty, request);
  if (repeat !== undefined) {
    return repeat;
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
    const { report } = await judge(base, duty, policy as Policy<unknown>, request);
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
  const taken = await ports.store.commit([
    leaseWrite(leaseId, { runId, until }),
    { op: 'create', collection: 'runs', id: runId, data: record, expiresAt: expiry(started) },
  ]);
  if (!taken.committed) {
    const holder = await leaseHolder(ports.store, leaseId);
    return { kind: 'busy', runId: holder?.runId ?? 'unknown', until: holder?.until ?? until };
  }
  const lease: Lease = { id: leaseId, version: taken.versions[0] as string };
  const context: RunContext = { ...base, lease };
  await step(context, 'lease-taken');
  try {
    const reconciled = await reconcile(context);
    const judged = await judge(context, duty, policy as Policy<unknown>, request, reconciled);
    return await finish(context, duty, lease, record, request, judged, reconciled);
  } catch (error) {
    await giveUp(context, lease, record, error);
    throw error;
  }
}

function parseScope(duty: Duty, scope: JsonObject): JsonObject {
  const parsed = duty.scope.safeParse(scope);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = ['scope', ...(issue?.path.map(String) ?? [])].join('.');
    throw new CallerError(`${field}: ${issue?.message ?? 'is not valid'}.`, { field });
  }
  return parsed.data;
}

interface Judged {
  readonly report: CanonicalReport;
  readonly words: Report;
  readonly decided: readonly DecidedOutcome[];
  readonly problems: readonly Problem[];
}

/** Observe, decide, act, report: everything between taking the scope and telling people. */
async function judge(
  context: RunContext,
  duty: Duty,
  policy: Policy<unknown>,
  request: RunRequest,
  reconciled: readonly Reconciled[] = [],
): Promise<Judged> {
  const observed = await duty.observe({
    scope: context.scope,
    policy,
    now: context.now,
    ports: context.ports,
    history: historyOf(context.ports.store, duty.name, context.scopeKey),
    progress: request.progress ?? (() => undefined),
  });
  const facts = parseFacts(duty, observed);
  await step(context, 'facts-read');
  const problems = duty.problems(facts);
  const decisions = duty.decide(facts, policy);
  checkOneVerdictEach(duty, decisions);
  await step(context, 'decided');
  const refused = problems.some((problem) => problem.kind === 'configuration');
  const outcomes = refused ? decisions.map(refusedOutcome) : await execute(context, decisions);
  const decided: DecidedOutcome[] = decisions.map((decision, index) => {
    const outcome = outcomes[index];
    return outcome === undefined ? { decision } : { decision, outcome };
  });
  const words = duty.report({ facts, policy, decided, dryRun: context.dryRun });
  logDecisions(context, decided);
  const report = canonicalReport({
    context,
    trigger: request.trigger,
    summary: words.summary,
    decided,
    problems,
    reconciled,
    refused,
  });
  return { report, words, decided, problems };
}

function parseFacts(duty: Duty, observed: unknown): unknown {
  const parsed = duty.facts.safeParse(observed);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new BugError(
      `What ${duty.name} observed does not fit its facts schema at ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}.`,
    );
  }
  return parsed.data;
}

/** Law 1. A duty that breaks it is a bug that must not reach the executor. */
function checkOneVerdictEach(duty: Duty, decisions: readonly Decision[]): void {
  const seen = new Set<string>();
  for (const decision of decisions) {
    const subject = canonicalJson(decision.subject);
    if (seen.has(subject)) {
      throw new BugError(`${duty.name} gave two verdicts on ${JSON.stringify(decision.subject)}.`);
    }
    seen.add(subject);
    if ((decision.verdict === 'act') !== (decision.action !== undefined)) {
      throw new BugError(
        `${decision.reason.rule} gave ${decision.verdict} ${decision.action === undefined ? 'without' : 'with'} an action.`,
      );
    }
  }
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

async function finish(
  context: RunContext,
  duty: Duty,
  lease: Lease,
  record: RunRecord,
  request: RunRequest,
  judged: Judged,
  reconciled: readonly Reconciled[],
): Promise<RunResult> {
  const finished = context.ports.clock.now();
  const large = largeWrites(`run-${context.runId}-report`, judged.report, expiry(finished));
  const waiting = allWait(judged.decided);
  const done: RunRecord = {
    ...record,
    state: judged.report.run.result === 'refused' ? 'refused' : 'done',
    finishedAt: finished.toISOString(),
    counts: countVerdicts(judged.decided),
    report: large.reference,
    waiting,
  };
  const news = await newsWrites(context, {
    duty,
    report: judged.words,
    decided: judged.decided,
    problems: judged.problems,
    reconciled,
  });
  await closeRun(context, lease, done, [...large.writes, ...deliveryWrites(context, request), ...news]);
  await step(context, 'run-finished');
  const entries = await deliverRun({
    ports: context.ports,
    log: context.log,
    onStep: context.onStep,
    runId: context.runId,
    patienceSeconds: DELIVERY_PATIENCE_SECONDS,
  });
  await drainOutbox({ ports: context.ports, log: context.log, onStep: context.onStep });
  return { kind: 'done', waiting, report: { ...judged.report, deliveries: entries.map(reportedDelivery) } };
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

/** The run's last commit: record, lease, report, messages. All of it or nothing, and nothing when the lease was lost. */
async function closeRun(context: RunContext, lease: Lease, record: RunRecord, writes: readonly Write[]): Promise<void> {
  const { store } = context.ports;
  const running = await store.read<RunRecord>('runs', record.id);
  const result = await store.commit([
    leaseRelease(lease),
    ...(running === undefined
      ? []
      : [
          {
            op: 'replace' as const,
            collection: 'runs',
            id: record.id,
            data: record,
            version: running.version,
            expiresAt: expiry(new Date(record.startedAt)),
          },
        ]),
    ...writes,
  ]);
  if (!result.committed) {
    throw new BugError(
      `Run ${record.id} could not be finished: ${result.conflict.collection}/${result.conflict.id} was changed by another run. What it did is in the journal.`,
    );
  }
}

async function giveUp(context: RunContext, lease: Lease, record: RunRecord, error: unknown): Promise<void> {
  const failed: RunRecord = {
    ...record,
    state: 'failed',
    finishedAt: context.ports.clock.now().toISOString(),
    error: describeError(error),
  };
  await closeRun(context, lease, failed, []).catch((second: unknown) => {
    context.log.error({ error: describeError(second) }, 'the failed run could not be closed; its lease ends by itself');
  });
}

interface DeliveryRecord {
  readonly runId: string;
}

function deliveryId(duty: string, request: RunRequest): string | undefined {
  // Hashed: senders may choose any text.
  return request.deliveryId === undefined ? undefined : `${duty}:${hashOf(request.deliveryId)}`;
}

function deliveryWrites(context: RunContext, request: RunRequest): readonly Write[] {
  const id = deliveryId(context.duty, request);
  if (id === undefined) {
    return [];
  }
  const data: DeliveryRecord = { runId: context.runId };
  return [{ op: 'create', collection: 'deliveries', id, data, expiresAt: expiry(context.ports.clock.now()) }];
}

/** At-least-once senders repeat themselves: the same delivery is answered with what its run said. */
async function repeatedDelivery(
  surroundings: Surroundings,
  duty: Duty,
  request: RunRequest,
): Promise<RunResult | undefined> {
  const { store } = surroundings.ports;
  const id = deliveryId(duty.name, request);
  const delivered = id === undefined ? undefined : await store.read<DeliveryRecord>('deliveries', id);
  if (delivered === undefined) {
    return undefined;
  }
  const stored = await readRun(surroundings, delivered.data.runId);
  return stored?.report === undefined
    ? undefined
    : { kind: 'repeat', report: stored.report, waiting: stored.record.waiting === true };
}

/** A stored run with its report and the state of its deliveries now. */
export async function readRun(
  surroundings: Pick<Surroundings, 'ports'>,
  runId: string,
): Promise<{ readonly record: RunRecord; readonly report: CanonicalReport | undefined } | undefined> {
  const { store } = surroundings.ports;
  const record = (await store.read<RunRecord>('runs', runId))?.data;
  if (record === undefined) {
    return undefined;
  }
  if (record.report === undefined) {
    return { record, report: undefined };
  }
  const report = await readLarge<CanonicalReport>(store, record.report);
  const entries = await store.query<OutboxEntry>('outbox', {
    where: [{ field: 'runId', op: '==', value: runId }],
    limit: 100,
  });
  return { record, report: { ...report, deliveries: entries.map((entry) => reportedDelivery(entry.data)) } };
}

function expiry(from: Date): string {
  return new Date(from.getTime() + RUN_KEPT_SECONDS * 1000).toISOString();
}
