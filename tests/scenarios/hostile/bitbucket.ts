// Hostile texts in every part of a scenario's builds that a stranger can write to: messages, authors, files, names of branches, steps,
// definitions and tests, lines of logs, variables. The same name is the same text everywhere, so that what belongs together still does.
import type { Scenario } from '../../../fixtures/platform/scenario.ts';
import { marked } from './corpus.ts';

const NAME_CHARACTERS = 200;
/** Lines by which a log tells what failed: a stranger's words follow them. */
const TELLING = /left-pad|expect\(received\)|is not assignable|test\.js|\berror\b/i;

export interface Hostile {
  readonly scenario: Scenario;
  /** A value in which each text has its old name again. */
  back(value: unknown): unknown;
}

function oneLine(value: string): string {
  return value.replaceAll(/\s+/g, ' ').slice(0, NAME_CHARACTERS).toWellFormed().trim();
}

/** The scenario with one more build, which began yesterday and runs. */
export function withRunningBuild(scenario: Scenario): Scenario {
  const [first, ...others] = scenario.bitbucket.repositories;
  const like = first?.pipelines.at(-1);
  if (first === undefined || like === undefined) {
    throw new Error('The scenario has no build.');
  }
  const running = {
    ...like,
    number: 9999,
    branch: 'long',
    createdAt: '-20h',
    steps: [{ ...like.steps[0], seconds: 900_000 }],
  };
  const repositories = [{ ...first, pipelines: [...first.pipelines, running] }, ...others];
  return { ...scenario, bitbucket: { ...scenario.bitbucket, repositories } as Scenario['bitbucket'] };
}

export function withHostileBuilds(scenario: Scenario, turn: number): Hostile {
  let next = turn;
  const names = new Map<string, string>();
  const text = (): string => {
    next += 1;
    return marked(next);
  };
  // Where it stands in an address or a definition it is one line, as any name is.
  const named = (name: string): string => {
    // Begins as before, so that what is sorted by it stays in its order.
    const given = names.get(name) ?? oneLine(`${name.slice(0, 2)} ${text()}`);
    names.set(name, given);
    return given;
  };
  const log = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(log)
      : typeof value === 'string'
        ? value
            .split('\n')
            .map((line) => (TELLING.test(line) ? `${line} ${named(line.replaceAll(/[0-9]+/g, ''))}` : line))
            .join('\n')
        : value;
  const tests = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(tests)
      : value === null || value === undefined
        ? value
        : {
            ...(value as { readonly failed: readonly { readonly name: string }[] }),
            failed: (value as { readonly failed: readonly { readonly name: string }[] }).failed.map((one) => ({
              ...one,
              name: named(one.name),
              message: text(),
            })),
          };
  const repositories = scenario.bitbucket.repositories.map((repository) => ({
    ...repository,
    mainBranch: named(repository.mainBranch),
    branches: Object.fromEntries(Object.entries(repository.branches).map(([branch, head]) => [named(branch), head])),
    commits: repository.commits.map((commit) => ({
      ...commit,
      message: text(),
      author: text(),
      files: [...commit.files, oneLine(text())],
    })),
    pullRequests: repository.pullRequests.map((one) => ({
      ...one,
      title: text(),
      author: text(),
      source: named(one.source),
      destination: named(one.destination),
    })),
    pipelineFile: Object.fromEntries(
      Object.entries(repository.pipelineFile).map(([commit, file]) => [commit, definitionWith(file, named)]),
    ),
    pipelines: repository.pipelines.map((pipeline) => ({
      ...pipeline,
      ...(pipeline.branch === undefined ? {} : { branch: named(pipeline.branch) }),
      ...(pipeline.custom === undefined ? {} : { custom: named(pipeline.custom) }),
      ...(pipeline.tag === undefined ? {} : { tag: named(pipeline.tag) }),
      creator: text(),
      ...(pipeline.variables === undefined
        ? {}
        : {
            variables: pipeline.variables.map((one) => ({
              ...one,
              key: named(one.key),
              ...(one.value === undefined ? {} : { value: named(one.value) }),
            })),
          }),
      steps: pipeline.steps.map((step) => ({
        ...step,
        name: named(step.name),
        log: log(step.log),
        ...(step.error === undefined ? {} : { error: { ...step.error, message: text() } }),
        ...(step.tests === undefined ? {} : { tests: tests(step.tests) }),
      })),
    })),
  }));
  const back = (value: unknown): unknown => {
    const old = new Map([...names].map(([name, given]) => [given, name]));
    const walk = (one: unknown): unknown =>
      typeof one === 'string'
        ? (old.get(one) ?? [...old].reduce((rest, [given, name]) => rest.replaceAll(given, name), one))
        : Array.isArray(one)
          ? one.map(walk)
          : typeof one === 'object' && one !== null
            ? Object.fromEntries(Object.entries(one).map(([key, inner]) => [walk(key) as string, walk(inner)]))
            : one;
    return walk(value);
  };
  const { buildLog } = scenario;
  const logs =
    buildLog === undefined
      ? {}
      : { buildLog: (file: string) => Buffer.from(log(buildLog(file).toString('utf8')) as string) };
  return {
    scenario: { ...scenario, ...logs, bitbucket: { ...scenario.bitbucket, repositories } as Scenario['bitbucket'] },
    back,
  };
}

/** Names of steps and of own definitions, which YAML takes in the quotes of JSON. */
function definitionWith(file: string, named: (name: string) => string): string {
  return file
    .replaceAll(/name: ([A-Za-z][^\n]*)/g, (_, name: string) => `name: ${JSON.stringify(named(name))}`)
    .replaceAll(/(?<=custom:\n {4})([a-z]+):/g, (_, name: string) => `${JSON.stringify(named(name))}:`);
}
