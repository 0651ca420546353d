// Failures that a change is at fault for, told with their suspects where policy says so. Pure.
import { type Block, bold, type Line, paragraph, text } from '../../shared/core/document.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { clusterId } from '../../shared/core/log/normalise.ts';
import type { Policy } from '../../shared/core/policy.ts';
import { causeLines } from '../../shared/core/trail.ts';
import { causesInWords, causesOf, shortened } from './decide-causes.ts';
import { isFaultOfChange, regularCause, suspectsOf } from './decide-suspects.ts';
import type { ToldFailure } from './report-notices.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineRetryFacts } from './schema-facts.ts';

const FAILURES = 10;
const SUSPECTS = 2;

/** None where policy tells nobody. Newest first. */
export function toldFailures(facts: PipelineRetryFacts, policy: Policy<PipelineRetryPolicy>): readonly ToldFailure[] {
  if (policy.duty.tell.regular.length === 0) {
    return [];
  }
  return facts.pipelines
    .filter((pipeline) => isFaultOfChange(facts, policy, pipeline))
    .sort((a, b) => Date.parse(b.completedAt) - Date.parse(a.completedAt) || (a.uuid < b.uuid ? -1 : 1))
    .map((pipeline) => {
      const words = causesInWords(causesOf(pipeline, policy.duty));
      return {
        pipeline,
        sentence: `${words.slice(0, 1).toUpperCase()}${words.slice(1)}.`,
        cause: suspectsOf(facts, pipeline, policy.duty),
      };
    });
}

/** The part of the message; empty where they are not told there. */
export function failureBlocks(
  told: readonly ToldFailure[],
  { trails }: PipelineRetryFacts,
  { tell }: PipelineRetryPolicy,
): readonly Block[] {
  if (told.length === 0 || !tell.regular.includes('chat')) {
    return [];
  }
  const goods = new Map(trails.map(({ pipeline, good }) => [pipeline, good]));
  const lines = told.slice(0, FAILURES).flatMap(({ pipeline, sentence, cause }): readonly Line[] => {
    const good = goods.get(pipeline.uuid) ?? null;
    return [
      [
        { text: `${pipeline.repository} #${String(pipeline.number)}`, url: pipeline.url },
        text(` on ${shortened(pipeline.ref, 80)}`),
        ...(good === null ? [] : [text(', passed last in '), { text: `#${String(good.number)}`, url: good.url }]),
        text(`: ${shortened(sentence, 300)}`),
      ],
      ...causeLines(cause, SUSPECTS),
    ];
  });
  const more = told.length - FAILURES;
  return [
    paragraph(bold('Fault of a change')),
    {
      kind: 'list',
      lines: more > 0 ? [...lines, [text(`and ${String(more)} more, see the report of the run`)]] : lines,
    },
  ];
}

/** What makes each of them news: the same failure of the same branch since the same good build is told once a day. */
export function failureNews(
  told: readonly ToldFailure[],
  { trails }: PipelineRetryFacts,
  policy: PipelineRetryPolicy,
): readonly JsonObject[] {
  if (!policy.tell.regular.includes('chat')) {
    return [];
  }
  return told.map(({ pipeline }) => {
    const cause = regularCause(pipeline, policy);
    const good = trails.find((trail) => trail.pipeline === pipeline.uuid)?.good?.number ?? null;
    const message = cause?.line?.text ?? cause?.category ?? '';
    return { repository: pipeline.repository, ref: pipeline.ref, good, failure: clusterId({ message }) };
  });
}
