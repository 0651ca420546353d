// What a finished run keeps so that its judgement can be made again: facts, policy, outcomes, code version. Without secrets.
// It owns the recording's form and its place in the run's last commit; making the judgement again is replay.ts.
import { MAX_COMMIT_BYTES } from '../core/collections.ts';
import { describeError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Policy } from '../core/policy.ts';
import type { DecidedOutcome, Outcome, Problem, ReportedWords } from '../core/report.ts';
import type { Subject } from '../core/subject.ts';
import type { Store, Write } from '../ports/store.ts';
import type { CodeVersion, RunContext } from './context.ts';
import { largeTextWrites, type LargeReference, readLarge } from './large-document.ts';
import type { Reconciled } from './reconcile.ts';

export interface RecordedOutcome {
  readonly subject: Subject;
  readonly outcome: Outcome;
}

export interface Recording {
  readonly schema: 1;
  /** `null` where the host did not know it. */
  readonly code: CodeVersion | null;
  readonly now: string;
  readonly scope: JsonObject;
  readonly policy: Policy<unknown>;
  readonly outcomes: readonly RecordedOutcome[];
  readonly reconciled: readonly Reconciled[];
  readonly problems: readonly Problem[];
  /** Absent when they were too large to be kept. */
  readonly facts?: unknown;
}

/** What a model was asked and said after the run was told; no judgement is made of it. */
export interface RecordedWords extends ReportedWords {
  /** Prompt with its version, such as `rebalance/summary@1`. */
  readonly prompt: string;
  readonly model: string;
  /** Replies as they came, capped and without secrets. */
  readonly replies: readonly string[];
  readonly seconds: number;
}

/** What the run's record says of its recording. */
export interface RecordingFields {
  readonly words?: RecordedWords;
  readonly analysis?: RecordedWords;
  readonly recording?: LargeReference;
  /** Something was masked in it: a judgement made from it again may differ where a secret stood. */
  readonly isRecordingMasked?: true;
  /** Why the run cannot be replayed, when it cannot. */
  readonly notRecorded?: string;
}

/** Of the last commit, for messages and issues (a document of up to 1 MiB among them), the run's record and the lease. */
const OTHER_WRITES_BYTES = 2 * 1024 * 1024;

export interface RecordingInput {
  readonly facts: unknown;
  readonly policy: Policy<unknown>;
  readonly decided: readonly DecidedOutcome[];
  readonly reconciled: readonly Reconciled[];
  readonly problems: readonly Problem[];
}

/**
 * The writes that keep the recording of a run, for the commit that already has the large writes `beside`. What does not fit is
 * left out and said: a run never fails for its recording.
 */
export function recordingWrites(
  context: RunContext,
  input: RecordingInput,
  { beside, expiresAt }: { readonly beside: readonly Write[]; readonly expiresAt: string },
): { readonly writes: readonly Write[]; readonly fields: RecordingFields } {
  const room = MAX_COMMIT_BYTES - OTHER_WRITES_BYTES - bytesOf(beside);
  const keep = (recording: Recording): ReturnType<typeof recordingWrites> | undefined => {
    const text = JSON.stringify(recording);
    const without = context.mask(text);
    const large = largeTextWrites(`run-${context.runId}-recording`, without, expiresAt);
    return large === undefined || bytesOf(large.writes) > room
      ? undefined
      : {
          writes: large.writes,
          fields: { recording: large.reference, ...(without === text ? {} : { isRecordingMasked: true }) },
        };
  };
  try {
    const whole = recordingOf(context, input);
    const kept = keep(whole);
    if (kept !== undefined) {
      return kept;
    }
    const { facts: _, ...rest } = whole;
    const { writes, fields } = keep(rest) ?? { writes: [], fields: {} };
    const notRecorded = 'Its facts were too large to be kept: they do not fit into one commit with the report.';
    return { writes, fields: { ...fields, notRecorded } };
  } catch (error) {
    const why = context.mask(describeError(error));
    context.log.error({ error: why }, 'the run could not be recorded for replay');
    return { writes: [], fields: { notRecorded: `Its facts could not be kept: ${why}` } };
  }
}

function recordingOf(context: RunContext, input: RecordingInput): Recording {
  return {
    schema: 1,
    code: context.code ?? null,
    now: context.now,
    scope: context.scope,
    policy: input.policy,
    outcomes: input.decided.flatMap(({ decision, outcome }) =>
      outcome === undefined ? [] : [{ subject: decision.subject, outcome }],
    ),
    reconciled: input.reconciled,
    problems: input.problems,
    facts: input.facts,
  };
}

function bytesOf(writes: readonly Write[]): number {
  return writes.reduce((sum, write) => sum + ('data' in write ? Buffer.byteLength(JSON.stringify(write.data)) : 0), 0);
}

export async function readRecording(store: Store, reference: LargeReference): Promise<Recording> {
  return readLarge<Recording>(store, reference);
}
