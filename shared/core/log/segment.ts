// Where in a log the failure stands: the output of the command that failed, as each CI system marks its end. What follows it
// (artifacts, caches, clean-up, other steps that ran all the same) is left out. Judges no line's cause.
import type { LogLine } from './log-line.ts';

export interface Segment {
  /** Place of the first and after the last line, in the list of lines. */
  readonly start: number;
  readonly end: number;
  /** Places of further lines in which the CI system itself says how the job ended. */
  readonly verdictLines: readonly number[];
  /** Whether a mark of the end was found; else the segment is only the end of the log. */
  readonly isMarked: boolean;
}

/** With no mark at all, the cause stands in this many last lines, or is not to be found. */
const UNMARKED_LINES = 300;
/** After a mark of the end, CI systems add at most a few lines of their own. */
const TRAILER_LINES = 40;

type Finder = (lines: readonly LogLine[]) => readonly Segment[];

/** The segments of all steps that failed, in order; at least one for a log that is not empty. */
export function failingSegments(lines: readonly LogLine[]): readonly Segment[] {
  for (const find of [gitlabSegment, annotatedSegments, jenkinsSegment, bitbucketSegment, plainSegment]) {
    const found = find(lines);
    if (found.length > 0) {
      return found;
    }
  }
  return lines.length === 0
    ? []
    : [{ start: Math.max(0, lines.length - UNMARKED_LINES), end: lines.length, verdictLines: [], isMarked: false }];
}

function lastIndex(lines: readonly LogLine[], is: (text: string) => boolean, before = lines.length, from = 0): number {
  for (let at = Math.min(before, lines.length) - 1; at >= from; at -= 1) {
    if (is(lines[at]?.text ?? '')) {
      return at;
    }
  }
  return -1;
}

function firstIndex(lines: readonly LogLine[], is: (text: string) => boolean, from: number, before: number): number {
  for (let at = Math.max(0, from); at < before; at += 1) {
    if (is(lines[at]?.text ?? '')) {
      return at;
    }
  }
  return -1;
}

const GITLAB_END = /^ERROR: Job failed\b/;
const GITLAB_SCRIPT =
  /^section_start:(?:step_script|build_script)$|^Executing "(?:step|build)_script" stage of the job script/;
const GITLAB_AFTER =
  /^section_start:(?:after_script|upload_artifacts_on_(?:failure|success)|archive_cache\w*|cleanup_file_variables)$|^Running after[ _]script|^Uploading artifacts (?:for|\.\.\.)|^Cleaning up (?:file based variables|project directory)|^Saving cache for/;
const GITLAB_UPLOAD =
  /^section_start:upload_artifacts_on_success$|^Uploading artifacts for successful job|^Saving cache for successful job/;
const GITLAB_COMMAND = /^\$ \S/;

const gitlabSegment: Finder = (lines) => {
  const end = lastIndex(lines, (text) => GITLAB_END.test(text), lines.length, lines.length - TRAILER_LINES);
  if (end === -1) {
    return [];
  }
  const script = lastIndex(lines, (text) => GITLAB_SCRIPT.test(text), end);
  if (script === -1) {
    // It never came to the script, or the log is older than sections: then the commands' echoes tell.
    const after = firstIndex(lines, (text) => GITLAB_AFTER.test(text), Math.max(0, end - UNMARKED_LINES), end);
    const stop = after === -1 ? end : after;
    const command = lastIndex(lines, (text) => GITLAB_COMMAND.test(text), stop);
    const start = command === -1 ? Math.max(0, stop - UNMARKED_LINES) : command;
    return [{ start, end: stop, verdictLines: [end], isMarked: true }];
  }
  const upload = firstIndex(lines, (text) => GITLAB_UPLOAD.test(text), script, end);
  if (upload !== -1) {
    return [{ start: upload, end, verdictLines: [end], isMarked: true }];
  }
  const after = firstIndex(lines, (text) => GITLAB_AFTER.test(text), script, end);
  const stop = after === -1 ? end : after;
  const command = lastIndex(lines, (text) => GITLAB_COMMAND.test(text), stop, script);
  return [{ start: command === -1 ? script : command, end: stop, verdictLines: [end], isMarked: true }];
};

const ANNOTATED_ERROR = /^##\[error\]|^(?:Error: )?Process completed with exit code [1-9]\d{0,2}\.?$/;
const STEP_EXIT =
  /^(?:##\[error\]|Error: )(?:Process completed with exit code|The process '.{0,200}' failed with exit code|(?:Bash|PowerShell|Cmd\.exe|Script) exited with (?:code|return code)|The (?:runner|operation|job|hosted runner|self-hosted runner)\b)/i;
const STEP_START =
  /^##\[group\](?:Run |GITHUB_TOKEN|Runner Image)|^##\[section\]Starting:|^Post job cleanup\.?$|^Cleaning up orphan processes|^Run \S/;
/** An annotation of a step that went on is followed by its further output; one that ended it by next to nothing. */
const LINES_AFTER_EXIT = 4;

/** GitHub Actions and Azure Pipelines: errors are marked where they happen, and several steps may have failed. */
const annotatedSegments: Finder = (lines) => {
  if (lastIndex(lines, (text) => ANNOTATED_ERROR.test(text)) === -1) {
    return [];
  }
  const starts = lines.flatMap(({ text }, at) => (STEP_START.test(text) ? [at] : []));
  const bounds = [0, ...starts.filter((at) => at > 0), lines.length];
  const failed: Segment[] = [];
  for (const [number, start] of bounds.slice(0, -1).entries()) {
    const next = bounds[number + 1] ?? lines.length;
    const exit = lastIndex(lines, (text) => STEP_EXIT.test(text), next, start);
    const last = exit === -1 ? lastIndex(lines, (text) => ANNOTATED_ERROR.test(text), next, start) : exit;
    if (last !== -1 && (exit !== -1 || textLines(lines, last + 1, next) <= LINES_AFTER_EXIT)) {
      failed.push({ start, end: last, verdictLines: [last], isMarked: true });
    }
  }
  return failed;
};

function textLines(lines: readonly LogLine[], from: number, to: number): number {
  return lines.slice(from, to).filter(({ text }) => text !== '' && !text.startsWith('##[')).length;
}

const JENKINS_FINISHED = /^Finished: (?:FAILURE|ABORTED|UNSTABLE)$/;
const JENKINS_AFTER =
  /^\[Pipeline\] \{ \(Declarative: Post Actions\)|^Stage ".{1,200}" skipped due to earlier failure|^Build step '.{1,200}' (?:marked build as failure|changed build result)|^Archiving artifacts$|^Recording (?:test results|fingerprints)|^Performing Post build task|^\[PostBuildScript\]|^Post stage$/;
const JENKINS_COMMAND =
  /^\[Pipeline\] (?:sh|bat|powershell|pwsh|checkout|git|docker|node|script|container|withMaven)\b/;

const jenkinsSegment: Finder = (lines) => {
  const finished = lastIndex(lines, (text) => JENKINS_FINISHED.test(text), lines.length, lines.length - TRAILER_LINES);
  if (finished === -1) {
    return [];
  }
  const after = firstIndex(lines, (text) => JENKINS_AFTER.test(text), 0, finished);
  const end = after === -1 ? finished : after;
  const inner = lastIndex(lines, (text) => JENKINS_COMMAND.test(text), end, Math.max(0, end - 20_000));
  const start = inner === -1 ? Math.max(0, end - 2 * UNMARKED_LINES) : inner;
  // An exception of Jenkins itself is printed at the very end, after the post actions.
  const trailer = Math.max(end, finished - TRAILER_LINES);
  const verdictLines = Array.from({ length: finished - trailer }, (_, index) => trailer + index);
  return [{ start, end, verdictLines, isMarked: true }];
};

const BITBUCKET_TEARDOWN =
  /^Searching for test report files in directories named|^Build teardown\b|^Skipping (?:assembly of )?cache\b|^Searching for files matching artifact pattern|^Assembling contents of (?:new )?cache|^Finished scanning for test reports/;
const BITBUCKET_SETUP = /^Cache ".{1,80}": |^Images used:|^Build setup\b|^\++ git (?:checkout|reset|remote|config)\b/;

const bitbucketSegment: Finder = (lines) => {
  const end = firstIndex(lines, (text) => BITBUCKET_TEARDOWN.test(text), 0, lines.length);
  if (end === -1) {
    return [];
  }
  const setup = lastIndex(lines, (text) => BITBUCKET_SETUP.test(text), end);
  // What the runner says after the teardown (a limit, a lost container) is its own.
  const verdictLines = Array.from({ length: Math.min(TRAILER_LINES, lines.length - end) }, (_, index) => end + index);
  return [{ start: Math.max(setup + 1, end - 4 * UNMARKED_LINES, 0), end, verdictLines, isMarked: true }];
};

const PLAIN_END =
  /^Exited with code (?:exit status )?[1-9]|^CircleCI received exit code [1-9]|^The command ".{1,400}" (?:failed and )?exited with [1-9]|^(?:🚨 )?Error: The command exited with status [1-9]|^user command error: |^(?:Process|Script|Command|Build) (?:exited|failed) with (?:exit )?code [1-9]|^(?:ERROR: )?command terminated with exit code [1-9]|^Build step .{1,80} failed/;
const PLAIN_START = /^#!\/bin\/(?:ba)?sh\b|^(?:---|\+\+\+|~~~) \S|^travis_(?:fold:start|time:start)/;

/** CircleCI, Travis, Buildkite, TeamCity and shells: one line says that the command failed. */
const plainSegment: Finder = (lines) => {
  const end = firstIndex(
    lines,
    (text) => PLAIN_END.test(text),
    Math.max(0, lines.length - 2 * UNMARKED_LINES),
    lines.length,
  );
  if (end === -1) {
    return [];
  }
  const began = lastIndex(lines, (text) => PLAIN_START.test(text), end);
  const start = Math.max(began, end - 4 * UNMARKED_LINES, 0);
  const verdictLines = Array.from({ length: Math.min(3, lines.length - end) }, (_, index) => end + index);
  return [{ start, end, verdictLines, isMarked: true }];
};
