// What is said of a rerun beside its build: a status of the commit, a comment on the pull request, as policy has it. Pure.
import { type Block, paragraph, text } from '../../shared/core/document.ts';
import type { DecidedOutcome, Notice } from '../../shared/core/report.ts';
import { causesOf, shortened } from './decide-causes.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineFacts } from './schema-facts.ts';

const SHOWN_LINES = 10;
const LINE_CHARACTERS = 200;

/** Notices of one rerun that was begun; none for anything else. */
export function noticesOf(
  { decision, outcome }: DecidedOutcome,
  pipeline: PipelineFacts | undefined,
  policy: PipelineRetryPolicy,
): readonly Notice[] {
  const actionId = outcome?.actionId;
  const isBegun = outcome?.state === 'applied' || outcome?.state === 'begun';
  if (pipeline === undefined || actionId === undefined || !isBegun) {
    return [];
  }
  const { repository, commit, number, url, target } = pipeline;
  const sentence = shortened(decision.reason.sentence, 400);
  const common = { actionId, repository, sentence };
  const { reruns } = policy.tell;
  const pullRequest = target['pullRequest'];
  return [
    ...(reruns.includes('build-status')
      ? [
          {
            ...common,
            place: { kind: 'build-status' as const, commit, name: `Nightshift: rerun of #${String(number)}`, url },
            body: [],
          },
        ]
      : []),
    ...(reruns.includes('pull-request') && typeof pullRequest === 'number'
      ? [
          {
            ...common,
            place: { kind: 'pull-request' as const, pullRequest },
            body: commentOf(actionId, sentence, pipeline, policy),
          },
        ]
      : []),
  ];
}

function commentOf(
  actionId: string,
  sentence: string,
  pipeline: PipelineFacts,
  policy: PipelineRetryPolicy,
): readonly Block[] {
  const lines = causesOf(pipeline, policy).flatMap(({ step }) => step.explanation?.lines ?? []);
  const shown = lines
    .slice(0, SHOWN_LINES)
    .map(({ number, text: line }) => `${String(number).padStart(6)}  ${shortened(line, LINE_CHARACTERS)}`);
  return [
    {
      kind: 'action',
      action: actionId,
      line: [text('Pipeline '), { text: `#${String(pipeline.number)}`, url: pipeline.url }, text(' is run again:')],
    },
    paragraph(text(sentence)),
    ...(shown.length === 0 ? [] : [{ kind: 'code' as const, text: shown.join('\n') }]),
  ];
}
