// The doctor's checks as a shape: each has its own deadline, all run at once, and what one finds never hides another.
// Knows no system; what is asked of one stands in the files beside this.
import { ConfigurationError, describeError, NightshiftError, PlatformError } from '../../core/errors.ts';
import { renderTable } from '../../core/table.ts';

/** `skipped`: could not be asked, because of a failure that is told in another line. */
type Level = 'ok' | 'warning' | 'failure' | 'skipped';

export interface Result {
  readonly level: Level;
  readonly detail: string;
  /** What to do; with every failure and warning. */
  readonly remedy?: string;
}

export interface Finding extends Result {
  /** With the name of the cluster where there may be several, e.g. "Kubernetes prod". */
  readonly system: string;
  readonly check: string;
}

export interface Check {
  readonly name: string;
  run(): Promise<readonly Result[]>;
}

/** The checks of one system. */
export interface SystemChecks {
  readonly system: string;
  /** Whether it can be reached at all. */
  readonly first: Check;
  /** Asked unless `first` found that nobody answers or that the credentials are wrong. */
  readonly others: readonly Check[];
}

const CHECK_SECONDS = 30;
const UNAUTHORIZED = 401;
const LEAST_REFUSAL = 400;

/** Runs all systems at once. Gives the findings in the order of the checks. */
export async function runChecks(
  systems: readonly SystemChecks[],
  deadlineSeconds: number = CHECK_SECONDS,
): Promise<readonly Finding[]> {
  const found = await Promise.all(systems.map((system) => runSystem(system, deadlineSeconds)));
  return found.flat();
}

async function runSystem(
  { system, first, others }: SystemChecks,
  deadlineSeconds: number,
): Promise<readonly Finding[]> {
  const named = (check: Check, results: readonly Result[]): readonly Finding[] =>
    results.map((result) => ({ system, check: check.name, ...result }));
  const outcome = await attempt(system, first, deadlineSeconds);
  if ('error' in outcome) {
    const failed = named(first, [failureOf(outcome.error)]);
    if (isWithoutAnswer(outcome.error)) {
      const left = others.map((check) => check.name).join(', ');
      const detail = `not checked, because of the failure above: ${left}`;
      return others.length === 0 ? failed : [...failed, { system, check: 'the rest', level: 'skipped', detail }];
    }
    return [...failed, ...(await runOthers())];
  }
  return [...named(first, outcome.results), ...(await runOthers())];

  async function runOthers(): Promise<readonly Finding[]> {
    const found = await Promise.all(
      others.map(async (check) => {
        const result = await attempt(system, check, deadlineSeconds);
        return named(check, 'error' in result ? [failureOf(result.error)] : result.results);
      }),
    );
    return found.flat();
  }
}

type Attempt = { readonly results: readonly Result[] } | { readonly error: unknown };

async function attempt(system: string, check: Check, deadlineSeconds: number): Promise<Attempt> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(
      new PlatformError(
        { system, operation: 'check', target: check.name, applied: 'no', code: 'TIMEOUT' },
        `there was no answer within ${String(deadlineSeconds)} s`,
        { remedy: 'Check the network between here and there, and the load of the system; then try again.' },
      ),
    );
  }, deadlineSeconds * 1000);
  try {
    return { results: await Promise.race([check.run(), late.promise]) };
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
  }
}

/** Nobody answered, or nobody would answer anything else: asking on would repeat the same failure. */
function isWithoutAnswer(error: unknown): boolean {
  if (!(error instanceof PlatformError)) {
    return error instanceof ConfigurationError;
  }
  const { status } = error.failure;
  // An answer that is no refusal and yet failed is broken, or of another kind of server.
  return status === undefined || status < LEAST_REFUSAL || status === UNAUTHORIZED;
}

/** Any thrown value as a failure. */
export function failureOf(error: unknown): Result {
  if (error instanceof NightshiftError) {
    return failure(error.message, error.remedy);
  }
  return failure(describeError(error));
}

export function ok(detail: string): Result {
  return { level: 'ok', detail };
}

export function skipped(detail: string): Result {
  return { level: 'skipped', detail };
}

export function failure(detail: string, remedy?: string): Result {
  return { level: 'failure', detail, ...(remedy === undefined ? {} : { remedy }) };
}

export function warning(detail: string, remedy?: string): Result {
  return { level: 'warning', detail, ...(remedy === undefined ? {} : { remedy }) };
}

/** A value that several checks need is asked for once, at the first need. */
export function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => (asked ??= ask());
}

/** A check over what the system's first check asked for; its failure is told there. */
export async function derived<T>(
  value: () => Promise<T>,
  judge: (value: T) => readonly Result[],
): Promise<readonly Result[]> {
  let known: T;
  try {
    known = await value();
  } catch {
    return [skipped('not known, because of the failure above')];
  }
  return judge(known);
}

/** Servers whose clocks differ by more see metrics and leases of another time: half a minute is one scrape. */
const CLOCK_TOLERANCE_SECONDS = 30;

/** Our clock is read right before and right after the server's; the truth lies in between. */
export function clockResult(theirs: string | null, before: Date, after: Date): Result {
  if (theirs === null) {
    return warning('the server does not tell its time', 'Check that no proxy in between removes the header Date.');
  }
  const time = Date.parse(theirs);
  // Date headers have whole seconds: the true time is up to a second later.
  const behind = before.getTime() - (time + 1000);
  const ahead = time - after.getTime();
  const seconds = Math.round(Math.max(behind, ahead, 0) / 1000);
  if (seconds <= CLOCK_TOLERANCE_SECONDS) {
    return ok(`differs by less than ${String(CLOCK_TOLERANCE_SECONDS)} s from ours`);
  }
  return warning(
    `its clock is ${String(seconds)} s ${ahead > behind ? 'ahead of' : 'behind'} ours`,
    'Set the clocks by NTP, here and there: ages, windows and cooldowns are counted by them.',
  );
}

/** A few names, then how many more there are. */
export function listed(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${String(names.length - most)} more` : shown;
}

const MARKS: Readonly<Record<Level, string>> = { ok: '✓', warning: '!', failure: '✗', skipped: '-' };

/** One line a finding, and one below it with what to do. */
export function renderFindings(findings: readonly Finding[]): string {
  const rows = findings.flatMap(({ level, system, check, detail, remedy }) => [
    [MARKS[level], system, check, detail],
    ...(remedy === undefined ? [] : [['', '', '', `→ ${remedy}`]]),
  ]);
  return renderTable(['', 'system', 'check', 'found'], rows);
}
