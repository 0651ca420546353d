// From the matches in one failing segment to its verdict: the last error rules, what was survived does not count, and between a
// cause that passes and a failure of the change itself the doubt goes against a rerun.
import { lineGuard } from './line-guard.ts';
import type { LogLine } from './log-line.ts';
import type { Segment } from './segment.ts';
import { foldedLine, matchesAt } from './signature.ts';
import type { Catalogue, KnownSignature } from './signature.ts';

export interface Match {
  /** Place in the list of lines. */
  readonly at: number;
  readonly known: KnownSignature;
}

export interface SegmentVerdict {
  readonly verdict: 'transient' | 'regular' | 'unknown';
  readonly decisive: Match | undefined;
  /** All that counted, for the lines that are shown. */
  readonly matches: readonly Match[];
  /** 0 to 1: how sure the catalogue's authors are of matches of this strength and place; not a measured share. */
  readonly confidence: number;
}

/** A tool that gives up prints at most this much after it said why. Stack frames and blank lines are not counted. */
const FATAL_LINES = 120;
/** A message of a lower layer counts only when hardly anything follows it. */
const HINT_LINES = 30;
/** What a consequence follows from stands this shortly before it. */
const CAUSE_LINES = 60;
const MAX_MATCHES = 400;

const CONFIDENCE = { conclusive: 0.98, fatal: 0.93, causedBy: 0.88, hint: 0.7, regularHint: 0.6 } as const;

const FRAME =
  /^(?:at |\.{3} \d+ more|Caused by: |File ".{1,300}", line \d|goroutine \d|\| at |#\d+ 0x|npm ERR! |npm error |In file included|make(?:\[\d+\])?: )/;
const SURVIVED =
  /\b(?:successfully (?:installed|built|tagged|pushed|pulled|downloaded|uploaded|cloned|completed|fetched)|attempt \d+ succeeded|retry succeeded|succeeded (?:after|on) (?:retry|attempt|\d)|added \d+ packages|Done in \d|BUILD SUCCESS(?:FUL)?|Download(?:ed)? complete|Pull complete|Status: Downloaded newer image|HEAD is now at)\b/i;

export function segmentVerdict(lines: readonly LogLine[], segment: Segment, catalogue: Catalogue): SegmentVerdict {
  const matches = matchesIn(lines, segment, catalogue);
  const found = rootVerdict(matches, segment) ?? conclusiveVerdict(matches, segment);
  if (found !== undefined) {
    return { ...found, matches };
  }
  const distance = distances(lines, segment);
  const survivedUntil = lastSurvival(lines, segment);
  const counts = ({ at, known }: Match): boolean =>
    !known.isTransient ||
    (at > survivedUntil && distance(at) <= (known.signature.strength === 'hint' ? HINT_LINES : FATAL_LINES));
  const counted = matches.filter(counts);
  return { ...ordered(counted, matches), matches: counted };
}

type Verdict = Omit<SegmentVerdict, 'matches'>;

/** A want of disk or memory makes whatever runs fail: the faults around it say nothing of the change. */
function rootVerdict(matches: readonly Match[], segment: Segment): Verdict | undefined {
  const root = lastRoot(matches, segment);
  const fault = matches.findLast(({ known }) => !known.isTransient && known.signature.strength !== 'hint');
  return root !== undefined && fault !== undefined && Math.abs(root.at - fault.at) <= CAUSE_LINES
    ? { verdict: 'transient', decisive: root, confidence: CONFIDENCE.causedBy }
    : undefined;
}

/** What the job itself said of it tells more than the code that the CI system ended it with. */
function lastRoot(matches: readonly Match[], { verdictLines }: Segment): Match | undefined {
  const roots = matches.filter(({ known }) => known.isTransient && known.signature.root);
  return roots.findLast(({ at }) => !verdictLines.includes(at)) ?? roots.at(-1);
}

/** The CI system's own word, unless the change was found at fault before: then the last word came for a job that had failed anyway. */
function conclusiveVerdict(matches: readonly Match[], segment: Segment): Verdict | undefined {
  const last = matches.findLast(({ known }) => known.signature.strength === 'conclusive');
  if (last === undefined) {
    return undefined;
  }
  if (!last.known.isTransient) {
    return { verdict: 'regular', decisive: last, confidence: CONFIDENCE.conclusive };
  }
  const fault = matches.findLast(
    ({ known }) => !known.isTransient && known.signature.strength !== 'hint' && !known.signature.consequence,
  );
  return fault === undefined
    ? { verdict: 'transient', decisive: causeOf(last, matches, segment), confidence: CONFIDENCE.conclusive }
    : { verdict: 'regular', decisive: fault, confidence: CONFIDENCE.causedBy };
}

/** An exit code that many causes have is told by its cause, where that stands shortly before it. */
function causeOf(last: Match, matches: readonly Match[], segment: Segment): Match {
  const root = lastRoot(matches, segment);
  const isCause = root !== undefined && root.at < last.at && last.at - root.at <= CAUSE_LINES;
  return isCause && segment.verdictLines.includes(last.at) ? root : last;
}

function ordered(matches: readonly Match[], all: readonly Match[]): Verdict {
  const is = (transient: boolean, hint: boolean) => (match: Match) =>
    match.known.isTransient === transient && (match.known.signature.strength === 'hint') === hint;
  const fault = matches.findLast(is(false, false));
  const passing = matches.findLast(is(true, false));
  if (fault !== undefined) {
    return withFault(fault, passing, matches, all);
  }
  if (passing !== undefined) {
    return { verdict: 'transient', decisive: passing, confidence: CONFIDENCE.fatal };
  }
  const faultHint = matches.findLast(is(false, true));
  const passingHint = matches.findLast(is(true, true));
  // An exception by itself only says that a program ended; a connection that broke beside it says why.
  const isOnlyException = faultHint?.known.signature.consequence === true && passingHint !== undefined;
  if (isOnlyException && Math.abs(passingHint.at - faultHint.at) <= HINT_LINES) {
    return { verdict: 'transient', decisive: passingHint, confidence: CONFIDENCE.hint };
  }
  if (faultHint !== undefined) {
    return passingHint !== undefined && passingHint.at > faultHint.at
      ? { verdict: 'unknown', decisive: faultHint, confidence: 0 }
      : { verdict: 'regular', decisive: faultHint, confidence: CONFIDENCE.regularHint };
  }
  return passingHint === undefined
    ? { verdict: 'unknown', decisive: undefined, confidence: 0 }
    : { verdict: 'transient', decisive: passingHint, confidence: CONFIDENCE.hint };
}

function withFault(
  fault: Match,
  passing: Match | undefined,
  matches: readonly Match[],
  all: readonly Match[],
): Verdict {
  const firm = matches.some(
    ({ known }) => !known.isTransient && known.signature.strength !== 'hint' && !known.signature.consequence,
  );
  if (!firm) {
    // Only consequences: "could not resolve dependencies" after a mirror's 503 is the mirror's failure.
    const cause = all.findLast(
      ({ at, known }) => known.isTransient && at <= fault.at + CAUSE_LINES && at >= fault.at - CAUSE_LINES,
    );
    return cause === undefined
      ? { verdict: 'regular', decisive: fault, confidence: CONFIDENCE.fatal }
      : { verdict: 'transient', decisive: cause, confidence: CONFIDENCE.causedBy };
  }
  if (passing !== undefined && passing.at > fault.at) {
    // Two failures in one command, and no telling which one ended it.
    return { verdict: 'unknown', decisive: fault, confidence: 0 };
  }
  return { verdict: 'regular', decisive: fault, confidence: CONFIDENCE.fatal };
}

function matchesIn(
  lines: readonly LogLine[],
  { start, end, verdictLines }: Segment,
  catalogue: Catalogue,
): readonly Match[] {
  const texts = lines.slice(start, end).map(({ text }) => text);
  const found: Match[] = [];
  const take = (at: number, line: string, list: readonly string[], place: number, only: boolean): void => {
    for (const known of matchesAt(catalogue, list, place)) {
      if ((!only || known.signature.strength === 'conclusive') && lineGuard(line, known)) {
        found.push({ at, known });
      }
    }
  };
  // From the end: what is far from it matters least, should there be too many.
  for (let place = texts.length - 1; place >= 0 && found.length < MAX_MATCHES; place -= 1) {
    take(start + place, texts[place] ?? '', texts, place, false);
  }
  found.reverse();
  const marks = verdictLines.map((at) => lines[at]?.text ?? '');
  for (const [place, at] of verdictLines.entries()) {
    take(
      at,
      marks[place] ?? '',
      [...texts.slice(-10), ...marks],
      Math.min(10, texts.length) + place,
      !isExitLine(marks[place] ?? ''),
    );
  }
  return found;
}

/** A line in which the CI system repeats the failing action's own error. */
function isExitLine(text: string): boolean {
  return /^(?:##\[error\]|ERROR: |Error: )/.test(text);
}

/** How many telling lines follow a place within the segment. */
function distances(lines: readonly LogLine[], { start, end }: Segment): (at: number) => number {
  const after = new Uint32Array(Math.max(0, end - start) + 1);
  for (let place = end - start - 1; place >= 0; place -= 1) {
    const text = foldedLine(lines[start + place]?.text ?? '');
    after[place] = (after[place + 1] ?? 0) + Number(text !== '' && !FRAME.test(text));
  }
  return (at) => after[at - start] ?? 0;
}

/** The last line that says that something which may fail did work, so that failures before it were survived. */
function lastSurvival(lines: readonly LogLine[], { start, end }: Segment): number {
  for (let at = end - 1; at >= start; at -= 1) {
    if (SURVIVED.test(lines[at]?.text ?? '')) {
      return at;
    }
  }
  return -1;
}
