// Time and chance, handed in so that runs replay and tests do not wait.

export interface Clock {
  now(): Date;
  /** Waits; ends early with an AbortError when `signal` fires. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export interface Ids {
  /** A new unique id, sortable by time of creation, of `[0-9a-z-]`. */
  next(): string;
}
