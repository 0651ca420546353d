// Which calls fail in which ways: all of them by `npm run faults`, a part of them in the fast tier.
import type { FaultKind } from '../../fixtures/platform/kit.ts';

/** Set by `npm run faults`. */
export const ALL = process.env['FAULTS'] === 'all';

/** So many kinds of faults hit an operation that only reads, in the fast tier. */
const KINDS_OF_A_READ = 2;

export interface FailingCall {
  readonly system: string;
  readonly operation: string;
  /** The n-th of its operation, from 1. */
  readonly call: number;
  readonly kind: FaultKind;
}

/**
 * `operations` are `<system>|<operation>` with the number of their calls. In the fast tier each call of those that `failsInEachWay` names fails
 * in each way; of the others the first call, in two ways that go round, so that every way comes.
 */
export function failingCalls(
  operations: Iterable<readonly [string, number]>,
  kinds: readonly FaultKind[],
  failsInEachWay: RegExp,
): readonly FailingCall[] {
  let turn = 0;
  return [...operations].flatMap(([name, count]) => {
    const [system = '', operation = ''] = name.split('|');
    const isWhole = ALL || failsInEachWay.test(operation);
    const own = isWhole
      ? kinds
      : Array.from({ length: KINDS_OF_A_READ }, () => kinds[turn++ % kinds.length] as FaultKind);
    return Array.from({ length: isWhole ? count : 1 }, (_, index) => index + 1).flatMap((call) =>
      own.map((kind) => ({ system, operation, call, kind })),
    );
  });
}
