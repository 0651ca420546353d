// What the next run is to know: the days that this one learned something of, and when failures were seen. Pure.
import type { JsonObject } from '../../shared/core/json.ts';
import type { Policy } from '../../shared/core/policy.ts';
import type { PipelineReportPolicy } from './schema.ts';
import type { PipelineReportFacts } from './schema-facts.ts';

const DAY_SECONDS = 86_400;

export interface RememberInput {
  readonly facts: PipelineReportFacts;
  readonly policy: Policy<PipelineReportPolicy>;
}

export function remember({
  facts,
  policy,
}: RememberInput): Readonly<Record<string, { readonly value: JsonObject; readonly keepSeconds?: number }>> {
  const keepSeconds = policy.duty.keepDays * DAY_SECONDS;
  return {
    ...Object.fromEntries(facts.changedDays.map((day) => [`day-${day.day}`, { value: day, keepSeconds }])),
    seen: { value: facts.seen },
  };
}
