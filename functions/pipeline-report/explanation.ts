// What the log classifier says, as the failure that is counted. Pure.
import type { LogExplanation } from '../../shared/core/log/explain.ts';
import { clusterId, normaliseMessage } from '../../shared/core/log/normalise.ts';
import type { Failure } from './schema-day.ts';

const LINES = 8;
const LONGEST_LINE = 400;
/** Words of its own that a line needs to stand for one cause. */
const OWN_WORDS = 3;

/** Words of sums, ends and comparisons, which failures of any cause have. */
const COMMON_WORDS = new Set(
  [
    'a an the of in to be is it at for on and or not was were with by from this that has have did all some one',
    'see more than as if but test tests suite suites file files spec specs example examples case cases check',
    'checks total totals passed passing pass failed failing fail fails failure failures error errors err warning',
    'warnings problem problems skipped skipping pending todo expected received actual equal equals equality',
    'deeply strictly object assertion assertionerror assert exit exited code status command script lifecycle npm',
    'yarn pnpm make build step job task process completed finished aborted stopped returned non zero fatal',
    'exception stack trace run runs ran log info ms path time date url hash uuid hex ip host pod duration size',
    'version',
  ].flatMap((line) => line.split(' ')),
);

/** `fallback` stands in for the telling line where the log has none. */
export function failureOf(explained: LogExplanation, fallback: string): Failure {
  const { verdict, category, signature, lines } = explained;
  const isTransient = verdict === 'transient';
  const told = isTransient ? (lines[0]?.text ?? fallback) : (causeLine(lines.map(({ text }) => text)) ?? fallback);
  return {
    // What a change is at fault for has a cause of its own each time: "a test failed" would be one cluster for all tests.
    id: clusterId({ message: told, ...(isTransient && signature !== undefined ? { signature } : {}) }),
    message: normaliseMessage(told).slice(0, LONGEST_LINE) || 'no message',
    category: category ?? null,
    signature: signature ?? null,
    isTransient,
    lines: lines.slice(0, LINES).map(({ text }) => text.slice(0, LONGEST_LINE)),
  };
}

/** The first line that says more than how many failed, else the one that says most: sums make one cluster of all causes. */
function causeLine(lines: readonly string[]): string | undefined {
  const weighed = lines.map((line) => ({ line, words: ownWords(line) }));
  return (
    weighed.find(({ words }) => words >= OWN_WORDS)?.line ??
    weighed.reduce<(typeof weighed)[number] | undefined>(
      (best, one) => (best === undefined || one.words > best.words ? one : best),
      undefined,
    )?.line
  );
}

function ownWords(line: string): number {
  const words =
    normaliseMessage(line)
      .toLowerCase()
      .match(/[\p{L}_]{2,}/gu) ?? [];
  return new Set(words.filter((word) => !COMMON_WORDS.has(word))).size;
}
