// What was read a moment ago, for those who ask again.
import type { Clock } from '../../ports/clock.ts';

/**
 * What `read` gave at most `milliseconds` ago, else what it gives now. A promise is shared while it is under way, and not held once it
 * was rejected. A clock that was set back ends the holding.
 */
export function heldFor<T>(milliseconds: number, clock: Pick<Clock, 'now'>, read: () => T): () => T {
  let held: { readonly at: number; readonly value: T } | undefined;
  return () => {
    const at = clock.now().getTime();
    if (held !== undefined && at >= held.at && at < held.at + milliseconds) {
      return held.value;
    }
    const now = { at, value: read() };
    held = now;
    if (now.value instanceof Promise) {
      now.value.catch(() => {
        held = held === now ? undefined : held;
      });
    }
    return now.value;
  };
}
