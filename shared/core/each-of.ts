// Work on many items with a bound on how many are under way. Knows nothing of the work.

/** Works on `items` in order, at most `atOnce` of them at the same time. Fails with the first failure; nothing new is begun then. */
export function eachOf<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  let hasFailed = false;
  const next = (): Promise<void> => {
    const { done, value } = hasFailed ? { done: true, value: undefined } : waiting.next();
    if (done === true) {
      return Promise.resolve();
    }
    return work(value as T).then(next, (error: unknown) => {
      hasFailed = true;
      throw error;
    });
  };
  return Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, next)).then(() => undefined);
}
