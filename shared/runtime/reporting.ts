// The canonical report: what the HTTP reply carries, `--json` prints and the store keeps. Its shape is an interface for others.
import type { JsonObject } from '../core/json.ts';
import type { ActionState } from '../core/action.ts';
import type { Decision } from '../core/decision.ts';
import type {
  CanonicalReport,
  DecidedOutcome,
  OutcomeState,
  Problem,
  ReportedAction,
  ReportedDecision,
  ReportedDelivery,
} from '../core/report.ts';
import type { RunContext } from './context.ts';
import type { Reconciled } from './reconcile.ts';
import type { OutboxEntry } from './outbox-entry.ts';

export interface ReportParts {
  readonly context: RunContext;
  readonly trigger: string;
  readonly summary: JsonObject;
  readonly decided: readonly DecidedOutcome[];
  readonly problems: readonly Problem[];
  readonly reconciled: readonly Reconciled[];
  readonly refused: boolean;
  readonly paused: string | undefined;
}

export function canonicalReport(parts: ReportParts): CanonicalReport {
  const { context } = parts;
  return {
    summary: parts.summary,
    run: {
      id: context.runId,
      duty: context.duty,
      scope: context.scope,
      trigger: parts.trigger,
      dry_run: context.dryRun,
      result: parts.refused ? 'refused' : 'done',
      now: context.now,
      problems: parts.problems,
      ...(parts.paused === undefined ? {} : { paused: parts.paused }),
    },
    decisions: parts.decided.map(({ decision }) => reportedDecision(decision)),
    actions: [...parts.decided.flatMap(reportedAction), ...parts.reconciled.map(reportedReconciled)],
    deliveries: [],
  };
}

export function reportedDecision({ subject, verdict, reason }: Decision): ReportedDecision {
  return { subject, verdict, rule: reason.rule, reason: reason.sentence, evidence: reason.evidence };
}

function reportedAction({ decision, outcome }: DecidedOutcome): readonly ReportedAction[] {
  const { action } = decision;
  if (action === undefined || outcome === undefined) {
    return [];
  }
  return [
    {
      id: outcome.actionId ?? null,
      kind: action.kind,
      target: action.target,
      from: action.from,
      to: action.to,
      rule: decision.reason.rule,
      outcome: outcome.state,
      detail: outcome.detail,
    },
  ];
}

const OUTCOMES: Readonly<Partial<Record<ActionState, OutcomeState>>> = {
  applied: 'applied',
  settled: 'applied',
  undone: 'applied',
  stale: 'stale',
  failed: 'failed',
  waiting: 'waiting',
};

function reportedReconciled({ action }: Reconciled): ReportedAction {
  return {
    id: action.id,
    kind: action.kind,
    target: action.target,
    from: action.from,
    to: action.to,
    rule: action.rule,
    outcome: OUTCOMES[action.state] ?? 'unknown',
    detail: action.outcome ?? '',
  };
}

const DELIVERED_KINDS: Readonly<Record<OutboxEntry['kind'], string>> = {
  issue: 'tracker.issue',
  message: 'chat.message',
  notice: 'ci.notice',
  event: 'event',
};

export function reportedDelivery(entry: OutboxEntry): ReportedDelivery {
  return {
    id: entry.id,
    kind: DELIVERED_KINDS[entry.kind],
    state: entry.state,
    url: entry.url ?? null,
    detail: entry.lastError ?? null,
  };
}
