// Failed pipelines for tests of the rules, to be changed in the one point that a test is about.
import type { Decision } from '../../../shared/core/decision.ts';
import { type Policy, TeamPolicy } from '../../../shared/core/policy.ts';
import { decide } from '../../../functions/pipeline-retry/decide.ts';
import { PipelineRetryPolicy } from '../../../functions/pipeline-retry/schema.ts';
import {
  type Explanation,
  type PipelineFacts,
  PipelineRetryFacts,
  type StepFacts,
} from '../../../functions/pipeline-retry/schema-facts.ts';
import { NO_MEMORY, type RerunFacts, type SignatureMemory } from '../../../functions/pipeline-retry/schema-memory.ts';

export const NOW = '2026-03-04T10:00:00.000Z';

export function minutesBefore(minutes: number): string {
  return new Date(Date.parse(NOW) - minutes * 60_000).toISOString();
}

export const DNS: Explanation = {
  verdict: 'transient',
  category: 'dns',
  signature: 'dns/resolve',
  confidence: 0.9,
  lines: [{ number: 812, text: 'Could not resolve host: registry.example' }],
};

export const COMPILE: Explanation = {
  verdict: 'regular',
  category: 'compile',
  signature: 'compile/tsc',
  confidence: 0.9,
  lines: [{ number: 40, text: "error TS2304: Cannot find name 'x'." }],
};

export const TEST: Explanation = { ...COMPILE, category: 'test', signature: 'test/assertion' };

export const UNKNOWN: Explanation = {
  verdict: 'unknown',
  category: null,
  signature: null,
  confidence: 0,
  lines: [{ number: 9, text: 'exit 1' }],
};

export function step(fields: Partial<StepFacts> = {}): StepFacts {
  return {
    uuid: '{step}',
    name: 'test',
    result: 'failed',
    error: null,
    isDeployment: false,
    isManual: false,
    hasNativeRetry: false,
    explanation: DNS,
    log: 'read',
    failedTests: [],
    failedTestCount: 0,
    ...fields,
  };
}

export function pipeline(fields: Partial<PipelineFacts> = {}): PipelineFacts {
  return {
    repository: 'shop',
    uuid: '{p-1}',
    number: 7,
    url: 'https://bitbucket.example/acme/shop/pipelines/results/7',
    result: 'failed',
    createdAt: minutesBefore(9),
    completedAt: minutesBefore(3),
    commit: 'c0ffee00c0ffee00',
    ref: 'main',
    kind: 'branch',
    selector: 'branches:main',
    target: {
      kind: 'branch',
      name: 'main',
      commit: 'c0ffee00c0ffee00',
      selector: { type: 'branches', pattern: 'main' },
    },
    variables: 'none',
    plainVariables: [],
    author: 'Ada',
    branchHead: 'c0ffee00c0ffee00',
    pullRequest: null,
    deploys: false,
    laterRuns: [],
    attempt: 0,
    missing: null,
    steps: [step()],
    ...fields,
  };
}

export function rerun(fields: Partial<RerunFacts> = {}): RerunFacts {
  return {
    actionId: 'a'.repeat(64),
    repository: 'shop',
    pipeline: '{x}',
    number: 1,
    failedAt: minutesBefore(6),
    commit: 'beef',
    selector: null,
    signatures: ['dns/resolve'],
    attempt: 1,
    at: minutesBefore(5),
    outcome: 'passed',
    ...fields,
  };
}

export interface Given {
  readonly pipelines?: readonly PipelineFacts[];
  readonly facts?: Partial<PipelineRetryFacts>;
  /** What is remembered of signatures. */
  readonly signatures?: Partial<SignatureMemory>;
  readonly policy?: object;
  readonly team?: object;
}

/** The decisions on what is given; the facts go through their schema, as in a run. */
export function decided(given: Given): readonly Decision[] {
  return decide(factsOf(given), policyOf(given));
}

export function policyOf({ policy = {}, team = {} }: Given): Policy<PipelineRetryPolicy> {
  return {
    team: TeamPolicy.parse({ version: 1, modes: [{ mode: 'auto' }], ...team }),
    duty: PipelineRetryPolicy.parse(policy),
  };
}

export function factsOf({ pipelines = [pipeline()], facts = {}, signatures = {} }: Given): PipelineRetryFacts {
  return PipelineRetryFacts.parse({
    workspace: 'acme',
    now: NOW,
    pipelines,
    reruns: [],
    memory: { ...NO_MEMORY, signatures: { ...NO_MEMORY.signatures, ...signatures } },
    listed: {},
    repositoriesListedAt: NOW,
    left: [],
    leftRead: [],
    putOffRepositories: 0,
    testFailures: [],
    passes: [],
    requestsLeft: 900,
    problems: [],
    ...facts,
  });
}

/** `<repository> #<number>` or the storm's signature, to verdict and rule. */
export function verdicts(given: Given): Readonly<Record<string, string>> {
  return Object.fromEntries(
    decided(given).map(({ subject, verdict, reason }) => [
      subject['pipeline'] === undefined
        ? (subject['signature'] ?? '')
        : `${subject['repository'] ?? ''} ${subject['pipeline']}`,
      `${verdict} ${reason.rule.replace('pipeline-retry/', '')}`,
    ]),
  );
}
