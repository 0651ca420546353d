// Work that goes on after an answer went out, so that a stop can wait for it.

export interface Background {
  /** Begins the work; what goes wrong in it is for itself to tell. */
  begin(work: () => Promise<unknown>): void;
  finished(): Promise<void>;
}

export function background(): Background {
  const inHand = new Set<Promise<unknown>>();
  return {
    begin(work) {
      const going = work();
      inHand.add(going);
      void going.finally(() => inHand.delete(going));
    },
    async finished() {
      await Promise.allSettled([...inHand]);
    },
  };
}
