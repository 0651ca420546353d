// Guardrails: pure checks that turn an `act` into apply, wait, observe or refuse. They fail closed: an error or a number that is
// missing inside any of them refuses. They read no clock and no store; what they need is handed in.
import type { ActionProposal } from './action.ts';
import { BugError, describeError } from './errors.ts';
import type { JsonObject } from './json.ts';
import { matchesPattern } from './pattern.ts';
import { durationSeconds, type Mode, type TeamPolicy } from './policy.ts';
import { wholePartOfProduct } from './quantity.ts';
import { activeWindow } from './window.ts';

/** Where a change takes effect, by the names that the policy's patterns go by; '' where a change has no such place. */
export interface GuardrailScope {
  readonly cluster: string;
  readonly namespace: string;
  readonly repository?: string;
}

/** The place of a change: the names of its target, and those of its run's scope where the target says nothing. */
export function placeOf(scope: JsonObject, target: JsonObject = {}): Required<GuardrailScope> {
  const name = (key: string): string => {
    const found = target[key] ?? scope[key];
    return typeof found === 'string' ? found : '';
  };
  return { cluster: name('cluster'), namespace: name('namespace'), repository: name('repository') };
}

/** A change of the scope that was begun already. */
export interface RecentChange {
  /** ISO time at which it was begun. */
  readonly at: string;
  readonly actionId: string;
  /** Absent in what an earlier version stored. */
  readonly kind?: string;
  readonly workload: string;
  readonly touches: number;
  /** See `ActionGuard.part`. */
  readonly part?: string;
  /** Undoing has a budget of its own, so that a used-up one never keeps harm in place. */
  readonly undo: boolean;
}

export interface GuardrailInput {
  readonly action: ActionProposal;
  /** ISO time. */
  readonly now: string;
  readonly scope: GuardrailScope;
  readonly team: TeamPolicy;
  /** Changes of this scope begun within the last hour or within `guardrails.settle`, whichever is longer, without this one. */
  readonly recent: readonly RecentChange[];
  /** The kill switch of the store; the policy's own is read from `team`. */
  readonly paused: { readonly why: string } | undefined;
  /** From the action kind: the factor to/from that is farthest from 1, and the largest to/declared when a size is declared. */
  readonly growth: { readonly step: number; readonly total: number | undefined };
}

export type GuardrailVerdict =
  | { readonly verdict: 'apply' }
  | { readonly verdict: 'wait' | 'observe' | 'refuse'; readonly guardrail: string; readonly why: string };

export interface Guardrail {
  readonly name: string;
  /** One sentence that tells why the action is refused; `undefined` when this guardrail has nothing against it. */
  readonly check: (input: GuardrailInput) => string | undefined;
}

const HOUR_MILLISECONDS = 3_600_000;

// A ratio of two sizes is rounded to 53 bits: 1.5 may arrive as 1.5000000000000002.
const RATIO_TOLERANCE = 1e-9;

/** In the order in which they are asked: what may never be touched first, what passes by itself last. */
export const GUARDRAILS: readonly Guardrail[] = [
  { name: 'protected', check: refuseProtected },
  { name: 'paused', check: refusePaused },
  { name: 'window', check: refuseInWindow },
  { name: 'step', check: refuseLargeStep },
  { name: 'growth', check: refuseLargeGrowth },
  { name: 'budget', check: refuseOverBudget },
  { name: 'share', check: refuseOverShare },
];

/** What may happen with an action now. What goes wrong inside a guardrail, or in finding the mode, refuses. */
export function checkGuardrails(input: GuardrailInput): GuardrailVerdict {
  let guardrail = 'mode';
  try {
    for (const { name, check } of GUARDRAILS) {
      guardrail = name;
      const why = check(input);
      if (why !== undefined) {
        return { verdict: 'refuse', guardrail, why };
      }
    }
    guardrail = 'mode';
    return byMode(modeOf(input.team, input.action.kind, input.scope), input.action.kind);
  } catch (error) {
    return {
      verdict: 'refuse',
      guardrail,
      why: `The guardrail "${guardrail}" failed, so nothing is touched: ${describeError(error)}`,
    };
  }
}

/** The mode of the first rule that matches; `observe` when none does, or when it says something unknown. */
export function modeOf(team: TeamPolicy, action: string, scope: GuardrailScope): Mode {
  const rule = team.modes.find(
    (candidate) =>
      matchesPattern(candidate.action, action) &&
      matchesPattern(candidate.cluster, scope.cluster) &&
      matchesPattern(candidate.namespace, scope.namespace) &&
      matchesPattern(candidate.repository, scope.repository ?? ''),
  );
  return rule?.mode === 'auto' || rule?.mode === 'approve' ? rule.mode : 'observe';
}

/**
 * Whether the policy only observes an action kind everywhere in the scope of a run. A scope that holds repositories without
 * naming one (a workspace) is open wherever a rule lets one of them be changed.
 */
export function onlyObserves(team: TeamPolicy, action: string, scope: JsonObject): boolean {
  const place = placeOf(scope);
  if (place.repository !== '' || typeof scope['workspace'] !== 'string') {
    return modeOf(team, action, place) === 'observe';
  }
  const rules = team.modes.filter(
    (rule) =>
      matchesPattern(rule.action, action) &&
      matchesPattern(rule.cluster, place.cluster) &&
      matchesPattern(rule.namespace, place.namespace),
  );
  const everywhere = rules.findIndex(({ repository }) => repository === '*');
  return (everywhere === -1 ? rules : rules.slice(0, everywhere + 1)).every(({ mode }) => mode === 'observe');
}

function byMode(mode: Mode, action: string): GuardrailVerdict {
  switch (mode) {
    case 'auto':
      return { verdict: 'apply' };
    case 'approve':
      return { verdict: 'wait', guardrail: 'mode', why: `The policy wants a person to approve ${action} here.` };
    case 'observe':
      return { verdict: 'observe', guardrail: 'mode', why: `The policy only observes ${action} here.` };
  }
}

/** Names, namespaces, and a label or annotation with any value but "false". */
export function refuseProtected({ action, scope, team }: GuardrailInput): string | undefined {
  const { names, labels } = action.guard;
  if (names.length === 0) {
    throw new BugError('The action tells no names, so protection cannot be checked.');
  }
  const namespace = team.protect.namespaces.find((pattern) => matchesPattern(pattern, scope.namespace));
  if (namespace !== undefined && scope.namespace !== '') {
    return `The namespace ${scope.namespace} is protected by the policy ("${namespace}").`;
  }
  for (const pattern of team.protect.names) {
    const name = names.find((candidate) => matchesPattern(pattern, candidate));
    if (name !== undefined) {
      return `${name} is protected by the policy ("${pattern}").`;
    }
  }
  const { label } = team.protect;
  if (Object.hasOwn(labels, label) && labels[label] !== 'false') {
    return `${names.join(', ')} is protected by its label or annotation ${label}.`;
  }
  return undefined;
}

/** The kill switch, in the policy or in the store. */
export function refusePaused({ team, paused }: GuardrailInput): string | undefined {
  if (team.paused !== false) {
    return 'Paused by the policy (paused: true): observe, report, touch nothing.';
  }
  return paused === undefined ? undefined : `Paused (${paused.why}): observe, report, touch nothing.`;
}

/** Maintenance and freeze windows. */
export function refuseInWindow({ team, scope, now }: GuardrailInput): string | undefined {
  const window = activeWindow(team.windows, scope, now, team.timezone);
  return window === undefined ? undefined : `The window "${window.name}" is open: nothing is changed in it.`;
}

/** The largest growth or shrinkage in one step. */
export function refuseLargeStep({ team, growth }: GuardrailInput): string | undefined {
  const limit = positive(team.guardrails.stepFactor, 'guardrails.stepFactor');
  const step = positive(growth.step, 'the step of the change');
  if (exceeds(step, limit) || exceeds(1 / step, limit)) {
    return `The step is too large: ${shown(step)} times the size before, where the policy allows ${shown(1 / limit)} to ${shown(limit)}.`;
  }
  return undefined;
}

/** The largest size as a multiple of what the workload declares; nothing to say where it declares none. */
export function refuseLargeGrowth({ team, growth }: GuardrailInput): string | undefined {
  const limit = positive(team.guardrails.growthFactor, 'guardrails.growthFactor');
  if (growth.total === undefined) {
    return undefined;
  }
  const total = positive(growth.total, 'the growth over the declared size');
  if (exceeds(total, limit)) {
    return `The growth is too large: ${shown(total)} times what the workload declares, where the policy allows ${shown(limit)}.`;
  }
  return undefined;
}

/** The number of changes of a scope in any 60 minutes: of its own kind where that has a budget of its own, else of all the others. */
export function refuseOverBudget({ action, team, recent, now }: GuardrailInput): string | undefined {
  const { budget, isCounted } = budgetFor(action.kind, team);
  const since = instantOf(now) - HOUR_MILLISECONDS;
  const begun = recent
    .filter(isCounted)
    .map((change) => ({ undo: change.undo, at: instantOf(change.at) }))
    .filter(({ undo, at }) => !undo && at > since)
    .map(({ at }) => at)
    .sort((a, b) => a - b);
  if (begun.length < budget) {
    return undefined;
  }
  const freed = begun[begun.length - budget];
  const next =
    budget === 0 || freed === undefined ? 'never' : `at ${new Date(freed + HOUR_MILLISECONDS).toISOString()}`;
  return `The budget is used up: ${begun.length} of ${budget} changes in the last hour, next ${next}.`;
}

function budgetFor(
  kind: string,
  { guardrails }: TeamPolicy,
): { readonly budget: number; readonly isCounted: (change: RecentChange) => boolean } {
  const own: Readonly<Record<string, { readonly actionsPerHour: number }>> = guardrails.ofKind;
  if (Object.hasOwn(own, kind)) {
    return {
      budget: whole(own[kind]?.actionsPerHour ?? Number.NaN, `guardrails.ofKind.${kind}.actionsPerHour`),
      // What does not say of which kind it is counts everywhere: too few changes are better than too many.
      isCounted: (change) => change.kind === undefined || change.kind === kind,
    };
  }
  return {
    budget: whole(guardrails.actionsPerHour, 'guardrails.actionsPerHour'),
    isCounted: (change) => change.kind === undefined || !Object.hasOwn(own, change.kind),
  };
}

/**
 * The share of a workload's parts that is under way at once; at least one part may be.
 * A change of the template (it touches every one of several parts) is exempt: its rollout keeps a share of its own by
 * maxUnavailable, and what is under way is replaced by it.
 */
export function refuseOverShare({ action, team, recent, now }: GuardrailInput): string | undefined {
  const { workload } = action.guard;
  const size = atLeastOne(action.guard.workloadSize, 'the size of the workload');
  const touches = atLeastOne(action.guard.touches, 'the number of parts that the action touches');
  if (touches > size) {
    throw new BugError(`The action touches ${touches} parts of ${workload}, which has ${size}.`);
  }
  const { settle, workloadShare } = team.guardrails;
  const allowed = Math.max(1, wholePartOfProduct(size, positive(workloadShare, 'guardrails.workloadShare')));
  const since = instantOf(now) - positive(durationSeconds(settle), 'guardrails.settle') * 1000;
  const ofWorkload = recent.filter((change) => change.workload === workload && instantOf(change.at) > since);
  const underWay = partsOf(ofWorkload);
  const total = partsOf([...ofWorkload, action.guard]);
  if ((touches === size && size > 1) || total <= allowed) {
    return undefined;
  }
  return `Too much of ${workload} at once: ${underWay} of ${size} parts were changed in the last ${settle}, and with this one it would be ${total} where the policy allows ${allowed}.`;
}

/** How many parts some changes touch together; changes of one named part count once. */
function partsOf(changes: readonly { readonly touches: number; readonly part?: string }[]): number {
  const named = new Set<string>();
  let unnamed = 0;
  for (const { touches, part } of changes) {
    const count = atLeastOne(touches, 'the number of parts that a change touches');
    if (part === undefined || count > 1) {
      unnamed += count;
    } else {
      named.add(part);
    }
  }
  return named.size + unnamed;
}

function exceeds(factor: number, limit: number): boolean {
  return factor > limit * (1 + RATIO_TOLERANCE);
}

/** Without the noise of binary fractions, and with digits enough that a factor just over its limit does not look like it. */
function shown(factor: number): string {
  return String(Number(factor.toPrecision(8)));
}

function positive(value: number, what: string): number {
  if (!Number.isFinite(value) || value <= 0) {
    throw new BugError(`${what} is ${String(value)}, not a positive number.`);
  }
  return value;
}

function whole(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new BugError(`${what} is ${String(value)}, not a whole number.`);
  }
  return value;
}

function atLeastOne(value: number, what: string): number {
  return positive(whole(value, what), what);
}

function instantOf(iso: string): number {
  const instant = Date.parse(iso);
  if (Number.isNaN(instant)) {
    throw new BugError(`${JSON.stringify(iso)} is not an ISO time.`);
  }
  return instant;
}
