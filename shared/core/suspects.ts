// Which commit broke a build: a pure score of what each commit changed against what the failure says, with its reasons. No model
// has a say in it, and "not a commit" is an answer.

/** What is known of a failure. */
export interface FailureTrace {
  readonly step: string;
  /** Of the log's classifier, such as `compile`; `null` when it does not know. */
  readonly category: string | null;
  /** The most telling lines of the log. */
  readonly lines: readonly string[];
  /** Names of failed tests, with their class, package or file. */
  readonly failedTests: readonly string[];
}

/** A commit between the last build that passed and the first that failed. */
export interface SuspectCommit {
  readonly hash: string;
  readonly author: string | null;
  readonly message: string;
  readonly url: string;
  readonly at: string | null;
  /** Paths that it changed; `isWhole` is false where there were more than were read. */
  readonly paths: readonly string[];
  readonly isWhole: boolean;
}

export type Confidence = 'HIGH' | 'MEDIUM' | 'LOW';

export interface Suspect {
  readonly commit: SuspectCommit;
  readonly score: number;
  readonly confidence: Confidence;
  /** What speaks for and against it, strongest first. */
  readonly reasons: readonly string[];
}

export type Correlation =
  | { readonly verdict: 'suspects'; readonly suspects: readonly Suspect[] }
  /** The same failure is seen where nothing changed, or its cause is none that a commit can have. */
  | { readonly verdict: 'not-a-commit'; readonly why: string }
  /** There is no commit between the last pass and the first failure that could be looked at. */
  | { readonly verdict: 'unknown'; readonly why: string };

export interface CorrelationInput {
  readonly trace: FailureTrace;
  /** Newest first. */
  readonly commits: readonly SuspectCommit[];
  /** Whether there is a build that passed before, so that the commits are all that lies between. */
  readonly hasLastGood: boolean;
  /** Branches that failed with the same message though their own commits did not change since they passed. */
  readonly unchangedBranches: readonly string[];
  /** The classifier says that the same commit would pass again. */
  readonly isTransient: boolean;
}

/** The weights: what names a changed file is worth more than what only fits its kind. */
const WEIGHTS = {
  pathInLog: 6,
  nameInLog: 4,
  testOfPath: 4,
  onlyCommit: 4,
  pipelineFile: 3,
  dependencies: 3,
  kindOfStep: 2,
  newest: 1,
  onlyDocuments: -5,
} as const;

const HIGH = 8;
const MEDIUM = 4;
const MOST_SUSPECTS = 5;

const PIPELINE_FILES =
  /(^|\/)(bitbucket-pipelines\.ya?ml|\.gitlab-ci\.yml|Jenkinsfile|Dockerfile[^/]*|docker-compose[^/]*\.ya?ml|\.dockerignore)$|^\.(github|circleci)\//;
const DEPENDENCY_FILES =
  /(^|\/)(package(-lock)?\.json|yarn\.lock|pnpm-lock\.yaml|requirements[^/]*\.txt|poetry\.lock|uv\.lock|Pipfile(\.lock)?|pyproject\.toml|go\.(mod|sum)|Cargo\.(toml|lock)|pom\.xml|build\.gradle(\.kts)?|gradle\.lockfile|Gemfile(\.lock)?|composer\.(json|lock)|packages\.lock\.json|[^/]+\.csproj)$/;
const DOCUMENTS = /(^|\/)(docs?|LICENSE[^/]*|README[^/]*|CHANGELOG[^/]*)(\/|$)|\.(md|rst|adoc|png|svg)$/i;

/** Categories whose cause is often a change of the pipeline file, or of the dependencies. */
const OF_PIPELINE = new Set([
  'missing-variable',
  'image-not-found',
  'authentication',
  'pipeline-config',
  'deployment-config',
  'docker-daemon',
]);
const OF_DEPENDENCIES = new Set(['dependency-resolution', 'compile', 'lint', 'test', 'package-mirror']);

/** Words of a step's name, and the files that such a step is about. */
const STEP_KINDS: readonly (readonly [RegExp, RegExp])[] = [
  [/lint|format|style|eslint|prettier/i, /\.(m?[jt]sx?|css|scss|py|go|rs|java|kt)$|eslint|prettier|ruff|flake8/i],
  [/type|compile|build/i, /\.(m?[jt]sx?|go|rs|java|kt|cs|cpp|cc|h)$|tsconfig/i],
  [/test|unit|spec|e2e|integration/i, /test|spec|__tests__|fixtures/i],
  [/terraform|plan|infra/i, /\.tf(vars)?$/],
  [/helm|deploy|k8s|kube/i, /(chart|helm|k8s|kube|deploy|manifests?)\b.*\.ya?ml$/i],
  [/docker|image/i, /Dockerfile/],
];

/** Ranks the commits. HIGH, MEDIUM and LOW are sums of stated weights, so that the same facts always give the same answer. */
export function correlate(input: CorrelationInput): Correlation {
  const { trace, commits, hasLastGood, unchangedBranches, isTransient } = input;
  if (isTransient) {
    return { verdict: 'not-a-commit', why: 'Its cause would pass by itself.' };
  }
  if (unchangedBranches.length > 0) {
    return {
      verdict: 'not-a-commit',
      why: `Not a commit: it fails also on ${unchangedBranches.slice(0, 3).join(', ')}, where nothing changed since they passed.`,
    };
  }
  if (commits.length === 0) {
    return {
      verdict: 'unknown',
      why: hasLastGood
        ? 'No commit lies between the last build that passed and this one: something else changed.'
        : 'No build that passed is known, so nobody can tell what changed since.',
    };
  }
  const text = [...trace.lines, ...trace.failedTests].join('\n');
  const suspects = commits
    .map((commit, index) =>
      suspectOf(commit, { trace, text, isOnly: commits.length === 1 && hasLastGood, isNewest: index === 0 }),
    )
    .map((suspect, index) => ({ suspect, index }))
    .sort((a, b) => b.suspect.score - a.suspect.score || a.index - b.index)
    .map(({ suspect }) => suspect);
  return { verdict: 'suspects', suspects: suspects.slice(0, MOST_SUSPECTS) };
}

interface Look {
  readonly trace: FailureTrace;
  readonly text: string;
  readonly isOnly: boolean;
  readonly isNewest: boolean;
}

function suspectOf(commit: SuspectCommit, look: Look): Suspect {
  const found = [
    ...namedPaths(commit, look),
    ...testsOf(commit, look),
    ...kindsOf(commit, look.trace),
    ...(look.isOnly ? [reason(WEIGHTS.onlyCommit, 'It is the only commit since the last build that passed.')] : []),
    ...(look.isNewest && !look.isOnly ? [reason(WEIGHTS.newest, 'It is the newest commit of the build.')] : []),
    ...(commit.isWhole && commit.paths.length > 0 && commit.paths.every((path) => DOCUMENTS.test(path))
      ? [reason(WEIGHTS.onlyDocuments, 'It changes documents only.')]
      : []),
  ];
  const score = found.reduce((sum, { weight }) => sum + weight, 0);
  const reasons = [...found].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).map(({ sentence }) => sentence);
  return {
    commit,
    score,
    confidence: score >= HIGH ? 'HIGH' : score >= MEDIUM ? 'MEDIUM' : 'LOW',
    reasons: reasons.length === 0 ? ['Nothing of it is named in the failure.'] : reasons,
  };
}

interface Weighed {
  readonly weight: number;
  readonly sentence: string;
}

function reason(weight: number, sentence: string): Weighed {
  return { weight, sentence };
}

/** Stack frames and compilers name files by their path, or by the end of it. */
function namedPaths({ paths }: SuspectCommit, { text }: Look): readonly Weighed[] {
  const whole = paths.find((path) => endsOf(path).some((end) => hasWord(text, end)));
  if (whole !== undefined) {
    return [reason(WEIGHTS.pathInLog, `The failure names ${shown(whole)}, which it changes.`)];
  }
  const byName = paths.find((path) => isTelling(nameOf(path)) && hasWord(text, nameOf(path)));
  return byName === undefined
    ? []
    : [
        reason(
          WEIGHTS.nameInLog,
          `The failure names a file ${shown(nameOf(byName))}, and it changes ${shown(byName)}.`,
        ),
      ];
}

/** The path itself and its ends of two parts or more: a build sees the repository under another folder. */
function endsOf(path: string): readonly string[] {
  const parts = path.split('/');
  return Array.from({ length: Math.max(0, parts.length - 1) }, (_, index) => parts.slice(index).join('/'));
}

/** A name that half of all repositories have names nothing. */
function isTelling(name: string): boolean {
  return name.length >= 5 && !/^(index|main|mod|lib|__init__|setup|utils?|test|conftest)\.[a-z]+$/i.test(name);
}

/** A failed test `shop.CartTest adds` belongs to `src/cart.ts`, `CartTest.java` or `shop/cart/…`. */
function testsOf({ paths }: SuspectCommit, { trace }: Look): readonly Weighed[] {
  for (const test of trace.failedTests) {
    const words = wordsOf(test);
    const path = paths.find((candidate) => {
      const stem = nameOf(candidate).replace(/\.[^.]+$/, '');
      const own = wordsOf(stem).filter((word) => !/^(test|tests|spec|it|e2e)$/.test(word));
      const folder = wordsOf(candidate.split('/').at(-2) ?? '');
      // A short name alone is a word like any other; with its folder it is not.
      const isLong = own.join('').length >= 4 || (folder.length > 0 && folder.every((word) => words.includes(word)));
      return own.length > 0 && isLong && own.every((word) => words.includes(word));
    });
    if (path !== undefined) {
      return [
        reason(WEIGHTS.testOfPath, `The failed test ${shown(test)} belongs to ${shown(path)}, which it changes.`),
      ];
    }
  }
  return [];
}

function kindsOf({ paths }: SuspectCommit, { step, category }: FailureTrace): readonly Weighed[] {
  const found: Weighed[] = [];
  const pipelineFile = paths.find((path) => PIPELINE_FILES.test(path));
  if (pipelineFile !== undefined && (category === null || OF_PIPELINE.has(category))) {
    found.push(reason(WEIGHTS.pipelineFile, `It changes how the build runs (${shown(pipelineFile)}).`));
  }
  const dependencies = paths.find((path) => DEPENDENCY_FILES.test(path));
  if (dependencies !== undefined && (category === null || OF_DEPENDENCIES.has(category))) {
    found.push(reason(WEIGHTS.dependencies, `It changes dependencies (${shown(dependencies)}).`));
  }
  const kind = STEP_KINDS.find(([name]) => name.test(step));
  const path =
    kind === undefined ? undefined : paths.find((candidate) => kind[1].test(candidate) && !DOCUMENTS.test(candidate));
  if (path !== undefined) {
    found.push(reason(WEIGHTS.kindOfStep, `It changes what the step "${shown(step)}" looks at (${shown(path)}).`));
  }
  return found;
}

/** Lower-case words of a name in any of the usual spellings. */
function wordsOf(name: string): readonly string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** Whether `word` stands in the text by itself, and not as the end or beginning of another name. */
function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const behind = text[at + word.length] ?? ' ';
    if (!/[A-Za-z0-9_-]/.test(before) && !/[A-Za-z0-9_]/.test(behind)) {
      return true;
    }
  }
  return false;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function shown(value: string): string {
  return value.length <= 80 ? value : `…${value.slice(-79)}`;
}
