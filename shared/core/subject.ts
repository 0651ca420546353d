// The thing that a decision is about, and the values that speak for it.

/** By the names that people know it by, e.g. `{ namespace, pod, container }`. */
export type Subject = Readonly<Record<string, string>>;

/** The values that made a rule fire: numbers in bytes, cores, counts, seconds and ratios; names as strings. */
export type Evidence = Readonly<Record<string, number | string | boolean | null>>;
