// What is read for the search of a commit that broke a build, and what people are told of the search: one shape for every duty that
// tells suspects. Pure; how much is read is the duties' business.
import { z } from 'zod';
import { bold, type Line, text } from './document.ts';
import { correlate, type Correlation } from './suspects.ts';

const words = z.string().max(500);
const instant = z.iso.datetime({ offset: true });
const MOST_PATHS = 300;
const TOLD_SUSPECTS = 3;
const TOLD_REASONS = 4;

/** A commit with the paths that it changed; `isWhole` is false where there were more than were read. */
export const TrailCommit = z.strictObject({
  hash: words,
  author: words.nullable(),
  message: words,
  url: words,
  at: instant.nullable(),
  paths: z.array(words).max(MOST_PATHS),
  isWhole: z.boolean(),
});
export type TrailCommit = z.infer<typeof TrailCommit>;

export const Trail = z.strictObject({
  step: words,
  category: z.string().max(100).nullable(),
  lines: z.array(words).max(10),
  failedTests: z.array(words).max(50),
  hasLastGood: z.boolean(),
  commits: z.array(TrailCommit).max(30),
  /** False where more commits lie between than were read. */
  isWhole: z.boolean(),
  unchangedBranches: z.array(words).max(20),
  isTransient: z.boolean(),
  /** What could not be read, in one sentence. */
  missing: words.nullable(),
});
export type Trail = z.infer<typeof Trail>;

/** The answer, as canonical JSON tells it. */
export const CommitCause = z.strictObject({
  verdict: z.enum(['suspects', 'not-a-commit', 'unknown']),
  why: z.string().nullable(),
  suspects: z.array(
    z.strictObject({
      confidence: z.enum(['HIGH', 'MEDIUM', 'LOW']),
      score: z.number(),
      commit: z.string(),
      author: z.string().nullable(),
      message: z.string(),
      url: z.string(),
      reasons: z.array(z.string()),
    }),
  ),
});
export type CommitCause = z.infer<typeof CommitCause>;

interface ReadCommit {
  readonly hash: string;
  readonly message: string;
  readonly author: { readonly name: string } | null;
  readonly at: string | null;
  readonly url: string;
}

interface ReadChanges {
  readonly items: readonly { readonly path: string; readonly oldPath: string | null }[];
  readonly isComplete: boolean;
}

/** A commit as the CI system tells it, cut to what is kept: the first line of its message, names both old and new of its files. */
export function trailCommit(commit: ReadCommit, changed: ReadChanges | undefined): TrailCommit {
  const paths = (changed?.items ?? []).flatMap(({ path, oldPath }) => (oldPath === null ? [path] : [path, oldPath]));
  return {
    hash: commit.hash.slice(0, 64),
    author: commit.author?.name.slice(0, 100) ?? null,
    message: commit.message.split('\n', 1)[0]?.slice(0, 200) ?? '',
    url: commit.url.slice(0, 500),
    at: commit.at,
    paths: [...new Set(paths)].slice(0, MOST_PATHS).map((path) => path.slice(0, 500)),
    isWhole: changed?.isComplete ?? false,
  };
}

/** Which commit is at fault, as far as the trail tells. */
export function commitCause(trail: Trail): CommitCause {
  if (trail.missing !== null) {
    return { verdict: 'unknown', why: trail.missing, suspects: [] };
  }
  const { step, category, lines, failedTests, commits, hasLastGood, isWhole, unchangedBranches, isTransient } = trail;
  const found = correlate({
    trace: { step, category, lines, failedTests },
    commits,
    // Where commits were left out, being the only one that was read says nothing.
    hasLastGood: hasLastGood && isWhole,
    unchangedBranches,
    isTransient,
  });
  return told(found, trail);
}

function told(found: Correlation, { isWhole, commits }: Trail): CommitCause {
  if (found.verdict !== 'suspects') {
    return { verdict: found.verdict, why: found.why, suspects: [] };
  }
  return {
    verdict: 'suspects',
    why: isWhole ? null : `Only the newest ${String(commits.length)} commits were looked at.`,
    suspects: found.suspects.slice(0, TOLD_SUSPECTS).map(({ commit, score, confidence, reasons }) => ({
      confidence,
      score,
      commit: commit.hash.slice(0, 12),
      author: commit.author,
      message: shortened(commit.message, 120),
      url: commit.url,
      reasons: reasons.slice(0, TOLD_REASONS).map((reason) => shortened(reason, 300)),
    })),
  };
}

/** Names of people, and nothing that would call them. The first `most` suspects; the rest is counted. */
export function causeLines(cause: CommitCause | null, most: number): readonly Line[] {
  if (cause === null) {
    return [];
  }
  if (cause.verdict !== 'suspects') {
    return [[text(`   ↳ ${shortened(cause.why ?? 'No commit is known.', 300)}`)]];
  }
  const others = cause.suspects.length - most;
  return cause.suspects.slice(0, most).map((suspect, index): Line => {
    const isLast = index === most - 1 && others > 0;
    const why = [...suspect.reasons.slice(0, 2), ...(cause.why === null ? [] : [cause.why])].join(' ');
    return [
      text('   ↳ '),
      bold(suspect.confidence),
      text(' '),
      { text: suspect.commit, url: suspect.url },
      text(` ${shortened(suspect.message, 80)} (${suspect.author ?? 'unknown author'}). ${shortened(why, 350)}`),
      ...(isLast ? [text(` ${String(others)} other ${others === 1 ? 'suspect' : 'suspects'} in the report.`)] : []),
    ];
  });
}

function shortened(value: string, length: number): string {
  return value.length <= length ? value : `${value.slice(0, length - 1)}…`;
}
