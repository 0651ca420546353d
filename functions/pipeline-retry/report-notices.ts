// What is said of a rerun, or of a change's own fault, beside its build: a status of the commit, a comment on the pull request, as
// policy has it. Pure.
import { type Block, paragraph, text } from '../../shared/core/document.ts';
import type { DecidedOutcome, Notice } from '../../shared/core/report.ts';
import { hashOf } from '../../shared/core/fingerprint.ts';
import { type CommitCause, causeLines } from '../../shared/core/trail.ts';
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
  const common = { about: actionId, repository, sentence };
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

/** What is told of a failure that a change is at fault for. */
export interface ToldFailure {
  readonly pipeline: PipelineFacts;
  /** What failed, in one sentence. */
  readonly sentence: string;
  readonly cause: CommitCause;
}

/**
 * One status for each commit and definition, and one comment for each pull request: the failure of a later push takes the place of the
 * one before. Never a failed status: it would stay in the way of a merge after a person's own rerun had passed.
 */
export function failureNotices(
  { pipeline, sentence, cause }: ToldFailure,
  policy: PipelineRetryPolicy,
): readonly Notice[] {
  const { repository, commit, number, url, target, selector } = pipeline;
  const { regular } = policy.tell;
  const pullRequest = target['pullRequest'];
  const said = shortened(`${suspectInWords(cause)} ${sentence}`, 400);
  return [
    ...(regular.includes('build-status') && commit !== ''
      ? [
          {
            about: hashOf({ failure: { repository, commit, selector } }),
            repository,
            sentence: said,
            place: { kind: 'build-status' as const, commit, name: `Nightshift: why #${String(number)} failed`, url },
            body: [],
          },
        ]
      : []),
    ...(regular.includes('pull-request') && typeof pullRequest === 'number'
      ? [
          {
            about: hashOf({ failure: { repository, pullRequest } }),
            repository,
            sentence: said,
            place: { kind: 'pull-request' as const, pullRequest },
            body: [
              paragraph(text('Pipeline '), { text: `#${String(number)}`, url }, text(` failed. ${sentence}`)),
              { kind: 'list' as const, lines: causeLines(cause, cause.suspects.length) },
              ...shownLines(pipeline, policy),
            ],
          },
        ]
      : []),
  ];
}

/** For a status, which shows little: the first suspect, or why there is none. */
function suspectInWords({ suspects, why }: CommitCause): string {
  const [first] = suspects;
  return first === undefined
    ? (why ?? 'No commit is known.')
    : `${first.confidence}: ${first.commit} (${first.author ?? 'unknown author'}). ${first.reasons[0] ?? ''}`;
}

function commentOf(
  actionId: string,
  sentence: string,
  pipeline: PipelineFacts,
  policy: PipelineRetryPolicy,
): readonly Block[] {
  return [
    {
      kind: 'action',
      action: actionId,
      line: [text('Pipeline '), { text: `#${String(pipeline.number)}`, url: pipeline.url }, text(' is run again:')],
    },
    paragraph(text(sentence)),
    ...shownLines(pipeline, policy),
  ];
}

function shownLines(pipeline: PipelineFacts, policy: PipelineRetryPolicy): readonly Block[] {
  const lines = causesOf(pipeline, policy).flatMap(({ step }) => step.explanation?.lines ?? []);
  const shown = lines
    .slice(0, SHOWN_LINES)
    .map(({ number, text: line }) => `${String(number).padStart(6)}  ${shortened(line, LINE_CHARACTERS)}`);
  return shown.length === 0 ? [] : [{ kind: 'code', text: shown.join('\n') }];
}
