// The kill switch that people set and release while everything runs: one document for each scope, or `*` for everything.
// It is read at each guardrail check, so that it holds for every instance from the next check on. It judges nothing.
import { CallerError, describeError, PlatformError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Store, Write } from '../ports/store.ts';
import type { Surroundings } from './context.ts';
import { personName } from './person.ts';
import { journalWrites } from './journal.ts';
import { secondsAfter } from './outbox-entry.ts';
import { pauseNotice } from './pause-notice.ts';
import { scopeKey, scopeOfKey } from './scope.ts';
import { wakeWrites } from './wake.ts';

export const EVERYTHING = '*';
/** More pauses than that at the same time are a mistake; all of them hold all the same, as one over everything. */
const MOST = 200;
const COMMIT_ATTEMPTS = 8;
const LONGEST_WHY = 300;

export interface Pause {
  /** The key of its scope, or `*`. A scope that leaves a name open holds for all of them: `cluster=prod` for its namespaces. */
  readonly key: string;
  readonly why: string;
  readonly by: string;
  readonly at: string;
  /** When it ends by itself, ISO. */
  readonly until?: string;
  /** The entry of the outbox that told it. */
  readonly notice?: string;
}

export interface PauseRequest {
  /** `{}` for everything. */
  readonly scope: JsonObject;
  readonly why: string;
  readonly by: string;
  readonly forSeconds?: number;
  /** Whether a pause that is there already is set anew, or is a mistake. */
  readonly anew: boolean;
  readonly also?: readonly Write[];
}

/** All pauses that hold now, by key. One read. */
export async function pausesNow(store: Store, now: string): Promise<readonly Pause[]> {
  const documents = await store.query<Pause>('pauses', { where: [], limit: MOST });
  const holding = documents.map(({ data }) => data).filter(({ until }) => until === undefined || until > now);
  return holding.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The pause that holds for a scope, the widest first. */
export function pauseOver(pauses: readonly Pause[], key: string): Pause | undefined {
  const scope = scopeOfKey(key);
  const over = pauses.filter((pause) =>
    Object.entries(scopeOfKey(pause.key)).every(([name, value]) => scope[name] === value),
  );
  return pauses.length >= MOST ? pauses[0] : over[0];
}

/** What guardrails are told: a store that cannot be read pauses. */
export async function pausedFor(
  { store, clock }: Surroundings['ports'],
  key: string,
): Promise<{ readonly why: string } | undefined> {
  try {
    const pause = pauseOver(await pausesNow(store, clock.now().toISOString()), key);
    return pause === undefined ? undefined : { why: pauseSentence(pause) };
  } catch (error) {
    if (!(error instanceof PlatformError)) {
      throw error;
    }
    return { why: `whether somebody paused it cannot be read: ${describeError(error)}` };
  }
}

/** What reports say while nothing is touched; undefined when it is not paused. */
export async function pausedLine(
  { team, ports }: Pick<Surroundings, 'team' | 'ports'>,
  key: string,
): Promise<string | undefined> {
  const why = team.paused ? 'by the policy' : (await pausedFor(ports, key))?.why;
  return why === undefined ? undefined : `${why}. Nothing is changed; what follows is only observed.`;
}

/** `everything, by alice until …: deploy freeze`. */
export function pauseSentence({ key, by, why, until }: Pause): string {
  const where = key === EVERYTHING ? 'everything' : key;
  return `${where}, by ${personName(by)}${until === undefined ? '' : ` until ${until}`}${why === '' ? '' : `: ${why}`}`;
}

export function pauseKey(scope: JsonObject): string {
  return Object.keys(scope).length === 0 ? EVERYTHING : scopeKey(scope);
}

/** Pauses a scope. It holds from the next guardrail check of every instance; what is being changed now is finished. */
export async function pause(surroundings: Surroundings, request: PauseRequest): Promise<Pause> {
  const { store, clock } = surroundings.ports;
  const key = pauseKey(request.scope);
  for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt += 1) {
    const at = clock.now().toISOString();
    const before = await store.read<Pause>('pauses', key);
    const holds = before !== undefined && (before.data.until === undefined || before.data.until > at);
    if (holds && !request.anew) {
      throw new CallerError(`It is paused already: ${pauseSentence(before.data)}.`, { field: 'scope' });
    }
    const bare: Pause = {
      key,
      why: surroundings.mask(request.why.slice(0, LONGEST_WHY)),
      by: request.by,
      at,
      ...(request.forSeconds === undefined ? {} : { until: secondsAfter(at, request.forSeconds) }),
    };
    const notice = pauseNotice(surroundings, key, `Paused: ${pauseSentence(bare)}.`, true);
    const data: Pause = notice === undefined ? bare : { ...bare, notice: notice.id };
    const expires = data.until === undefined ? {} : { expiresAt: data.until };
    const result = await store.commit([
      before === undefined
        ? { op: 'create', collection: 'pauses', id: key, data, ...expires }
        : { op: 'replace', collection: 'pauses', id: key, data, version: before.version, ...expires },
      ...(notice === undefined ? [] : [notice.write]),
      ...(await wakeWrites(store, before?.data.notice, at)),
      ...(await journalWrites(store, {
        scope: key,
        at,
        actionId: '',
        kind: 'pause',
        state: 'paused',
        by: request.by,
        detail: `Paused${data.until === undefined ? '' : ` until ${data.until}`}${data.why === '' ? '' : `: ${data.why}`}`,
      })),
      ...(request.also ?? []),
    ]);
    if (result.committed) {
      surroundings.log.warn({ scope: key, by: request.by, until: data.until ?? null }, 'paused');
      return data;
    }
  }
  throw contended('pause', key);
}

/** Ends the pause of exactly that scope. A CallerError when there is none. */
export async function resume(
  surroundings: Surroundings,
  request: Pick<PauseRequest, 'scope' | 'by' | 'also'>,
): Promise<Pause> {
  const { store, clock } = surroundings.ports;
  const key = pauseKey(request.scope);
  for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt += 1) {
    const at = clock.now().toISOString();
    const before = await store.read<Pause>('pauses', key);
    if (before === undefined) {
      const others = (await pausesNow(store, at)).map((one) => one.key);
      throw new CallerError(`There is no pause of ${key === EVERYTHING ? 'everything' : key}.`, {
        field: 'scope',
        remedy: others.length === 0 ? 'Nothing is paused.' : `Paused are: ${others.join(' and ')}.`,
      });
    }
    const told = `Resumed by ${request.by}: ${key === EVERYTHING ? 'everything' : key}.`;
    const notice = pauseNotice(surroundings, key, told, false);
    const result = await store.commit([
      { op: 'remove', collection: 'pauses', id: key, version: before.version },
      ...(notice === undefined ? [] : [notice.write]),
      ...(await wakeWrites(store, before.data.notice, at)),
      ...(await journalWrites(store, {
        scope: key,
        at,
        actionId: '',
        kind: 'pause',
        state: 'resumed',
        by: request.by,
        detail: `Resumed what ${before.data.by} had paused.`,
      })),
      ...(request.also ?? []),
    ]);
    if (result.committed) {
      surroundings.log.warn({ scope: key, by: request.by }, 'resumed');
      return before.data;
    }
  }
  throw contended('resume', key);
}

/** Fails for a scope that no scope of the policy lies in: a mistyped kill switch would hold nothing and say nothing. */
export function checkPauseScope(scope: JsonObject, known: readonly JsonObject[]): void {
  const wanted = Object.entries(scope);
  const isKnown = known.some((one) => wanted.every(([name, value]) => String(one[name]) === String(value)));
  if (wanted.length > 0 && !isKnown) {
    throw new CallerError(`No scope of the policy lies in ${pauseKey(scope)}: it would hold nothing.`, {
      field: 'scope',
      remedy: `Scopes: ${known.slice(0, 20).map(scopeKey).join(' and ') || 'none'}; leave names out for all of them.`,
    });
  }
}

function contended(operation: string, key: string): PlatformError {
  return new PlatformError(
    { system: 'store', operation, target: key, code: 'contended', applied: 'no' },
    'others kept changing it',
    { remedy: 'Try again.' },
  );
}
