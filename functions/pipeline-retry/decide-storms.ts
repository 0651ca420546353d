// Storms: one cause that fails the builds of many repositories at once is a failure of their common upstream. Pure.
import { durationSeconds } from '../../shared/core/policy.ts';
import { causesOf, FLAKY_TEST, secondsOf, signaturesOf } from './decide-causes.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineFacts } from './schema-facts.ts';
import type { SignatureMemory, SignatureSighting } from './schema-memory.ts';

export interface Storm {
  readonly signature: string;
  /** ISO time since which it is on. */
  readonly since: string;
  /** Repositories that were hit since then, sorted. */
  readonly repositories: readonly string[];
  readonly builds: number;
  readonly lastAt: string;
  /** No build failed with it for `storm.quiet`: what waited for its end may go, spread. */
  readonly isOver: boolean;
}

/** What storms are made of. */
export interface StormFacts {
  readonly pipelines: readonly PipelineFacts[];
  readonly memory: { readonly signatures: Pick<SignatureMemory, 'sightings' | 'storms'> };
}

/** Failures with a transient cause: those that are remembered, and those of the pipelines at hand. */
export function sightingsOf(facts: StormFacts, policy: PipelineRetryPolicy): readonly SignatureSighting[] {
  const fresh = facts.pipelines.flatMap((pipeline) =>
    signaturesOf(causesOf(pipeline, policy))
      .filter((signature) => signature !== FLAKY_TEST)
      .map((signature) => ({
        repository: pipeline.repository,
        pipeline: pipeline.uuid,
        signature,
        at: pipeline.completedAt,
      })),
  );
  const known = new Set(facts.memory.signatures.sightings.map(keyOf));
  return [...facts.memory.signatures.sightings, ...fresh.filter((sighting) => !known.has(keyOf(sighting)))].sort(
    (a, b) => secondsOf(a.at) - secondsOf(b.at) || (keyOf(a) < keyOf(b) ? -1 : 1),
  );
}

/** All storms by signature: begun now, still on, or over while builds may still wait for their end. */
export function stormsOf(
  facts: StormFacts,
  policy: PipelineRetryPolicy,
  nowSeconds: number,
): ReadonlyMap<string, Storm> {
  const storms = new Map<string, Storm>();
  for (const [signature, sightings] of Map.groupBy(sightingsOf(facts, policy), (one) => one.signature)) {
    const since = facts.memory.signatures.storms[signature] ?? beginning(sightings, policy);
    const hit = since === undefined ? [] : sightings.filter(({ at }) => secondsOf(at) >= secondsOf(since));
    const last = hit.at(-1);
    if (since !== undefined && last !== undefined) {
      storms.set(signature, {
        signature,
        since,
        repositories: [...new Set(hit.map(({ repository }) => repository))].sort(),
        builds: hit.length,
        lastAt: last.at,
        isOver: nowSeconds - secondsOf(last.at) >= durationSeconds(policy.storm.quiet),
      });
    }
  }
  return storms;
}

/** The time of the first failure of the first window that holds enough repositories; undefined when none does. */
function beginning(sightings: readonly SignatureSighting[], { storm }: PipelineRetryPolicy): string | undefined {
  const window = durationSeconds(storm.window);
  return sightings.find((first, index) => {
    const within = sightings.slice(index).filter(({ at }) => secondsOf(at) - secondsOf(first.at) <= window);
    return new Set(within.map(({ repository }) => repository)).size >= storm.repositories;
  })?.at;
}

function keyOf({ pipeline, signature }: SignatureSighting): string {
  return `${pipeline} ${signature}`;
}
