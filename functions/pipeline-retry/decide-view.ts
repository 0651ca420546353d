// What the rules look at: one failed pipeline with the causes of its failed steps, and the world around it. Pure.
import type { Evidence, Reason } from '../../shared/core/decision.ts';
import { durationSeconds, type Policy, type TeamPolicy } from '../../shared/core/policy.ts';
import { recordsOf } from './decide-records.ts';
import { type Storm, stormsOf } from './decide-storms.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import { type Cause, causesOf, secondsOf, shortened, signaturesOf } from './decide-causes.ts';
import type { PipelineFacts, PipelineRetryFacts } from './schema-facts.ts';
import type { SignatureRecord } from './schema-memory.ts';

export interface World {
  readonly facts: PipelineRetryFacts;
  readonly policy: PipelineRetryPolicy;
  readonly team: TeamPolicy;
  readonly nowSeconds: number;
  /** By signature; those that are over as well, as long as builds wait for them. */
  readonly storms: ReadonlyMap<string, Storm>;
  /** By signature: how its reruns ended. */
  readonly records: Readonly<Record<string, SignatureRecord>>;
}

export interface PipelineView {
  readonly world: World;
  readonly pipeline: PipelineFacts;
  /** Of the steps that failed, in their order. */
  readonly causes: readonly Cause[];
  /** Signatures of the transient causes, each once, sorted. */
  readonly signatures: readonly string[];
}

/** A wish to rerun, before the holds have had their say. */
export interface Wish {
  readonly reason: Reason;
}

export interface Skip {
  readonly verdict: 'skip';
  readonly reason: Reason;
}

export function worldOf(facts: PipelineRetryFacts, policy: Policy<PipelineRetryPolicy>): World {
  const nowSeconds = secondsOf(facts.now);
  return {
    facts,
    policy: policy.duty,
    team: policy.team,
    nowSeconds,
    storms: stormsOf(facts, policy.duty, nowSeconds),
    records: recordsOf(facts),
  };
}

export function viewOf(world: World, pipeline: PipelineFacts): PipelineView {
  const causes = causesOf(pipeline, world.policy);
  return { world, pipeline, causes, signatures: signaturesOf(causes) };
}

/** The evidence that every verdict on a pipeline carries, with what the rule adds. */
export function evidenceOf({ pipeline, causes }: PipelineView, more: Evidence = {}): Evidence {
  const [first] = causes;
  return {
    commit: pipeline.commit.slice(0, 12),
    ref: pipeline.ref,
    failedSteps: causes.length,
    ...(first === undefined
      ? {}
      : {
          step: first.step.name,
          category: first.category,
          signature: first.signature,
          line: first.line === null ? null : shortened(first.line.text, 300),
          lineNumber: first.line?.number ?? null,
        }),
    ...more,
  };
}

/** A reason under this duty's rule id. */
export function reasonOf(rule: string, label: string, sentence: string, evidence: Evidence): Reason {
  return { rule: `pipeline-retry/${rule}`, label, sentence, evidence };
}

/** Whether `iso` lies within the duration before now. */
export function isWithin(world: World, iso: string, duration: string): boolean {
  return world.nowSeconds - secondsOf(iso) < durationSeconds(duration);
}
