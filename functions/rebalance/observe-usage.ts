// The numbers that queries gave for each container. A reply of thousands of rows is taken over as soon as it is there and then
// let go, so that a run never holds a dozen of them at once. It asks nothing and judges nothing.
import type { Sample } from '../../shared/ports/metrics.ts';

/** Numbers by the name of the query that gave them. */
export type Numbers<Query extends string> = Readonly<Partial<Record<Query, number>>>;

export interface UsageTable<Query extends string> {
  /** Takes over an answer; the query counts as answered, whatever is in it. */
  take(query: Query, rows: readonly Sample[]): void;
  isAnswered(query: Query): boolean;
  /** What is known of a container; empty when no answer names it. */
  of(pod: string, container: string): Numbers<Query>;
}

const NOTHING = Object.freeze({});

export function usageTable<Query extends string>(): UsageTable<Query> {
  const answered = new Set<Query>();
  const byPod = new Map<string, Map<string, Partial<Record<Query, number>>>>();

  function entry(pod: string, container: string): Partial<Record<Query, number>> {
    const containers = byPod.get(pod) ?? new Map<string, Partial<Record<Query, number>>>();
    byPod.set(pod, containers);
    const known = containers.get(container) ?? {};
    containers.set(container, known);
    return known;
  }

  return {
    take(query, rows) {
      answered.add(query);
      for (const { labels, value } of rows) {
        if (Number.isFinite(value)) {
          entry(labels.pod ?? '', labels.container ?? '')[query] = value;
        }
      }
    },
    isAnswered: (query) => answered.has(query),
    of: (pod, container) => byPod.get(pod)?.get(container) ?? NOTHING,
  };
}
