// bitbucket-pipelines.yml: its form, and that every command in it exists. What its scripts do is run in tests/real/pipeline.test.ts.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { main } from '../../shared/local/cli.ts';
import { testTerminal } from '../cli/terminal.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** The part of Bitbucket's form that is used: https://support.atlassian.com/bitbucket-cloud/docs/bitbucket-pipelines-configuration-reference */
const Step = z.strictObject({
  name: z.string(),
  oidc: z.boolean().optional(),
  deployment: z.enum(['test', 'staging', 'production']).optional(),
  trigger: z.enum(['automatic', 'manual']).optional(),
  caches: z.array(z.string()).optional(),
  artifacts: z.array(z.string()).optional(),
  script: z.array(z.string()).min(1),
});
type Step = z.infer<typeof Step>;
const Steps = z.array(z.strictObject({ step: Step })).min(1);
const Pipelines = z.strictObject({
  image: z.string(),
  definitions: z.strictObject({ caches: z.record(z.string(), z.string()), steps: Steps }),
  pipelines: z.strictObject({
    default: Steps,
    'pull-requests': z.record(z.string(), Steps),
    branches: z.record(z.string(), Steps),
  }),
});

const { definitions, pipelines } = Pipelines.parse(
  parse(readFileSync(path.join(ROOT, 'bitbucket-pipelines.yml'), 'utf8')),
);
const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const all = [pipelines.default, ...Object.values(pipelines['pull-requests']), ...Object.values(pipelines.branches)];
const applies = (steps: z.infer<typeof Steps>): readonly Step[] =>
  steps.map(({ step }) => step).filter(({ script }) => script.some((line) => line.includes('terraform apply')));

describe('bitbucket-pipelines.yml', () => {
  test('applies on main alone, by hand, after the plan of the same commit', () => {
    expect(applies(pipelines.default)).toEqual([]);
    expect(Object.values(pipelines['pull-requests']).flatMap(applies)).toEqual([]);
    expect(Object.keys(pipelines.branches)).toEqual(['main']);
    const main = pipelines.branches['main'] ?? [];
    expect(applies(main).map(({ trigger, name }) => [name, trigger])).toEqual([['Apply', 'manual']]);
    expect(main.map(({ step }) => step.name)).toEqual(['Build and test', 'Plan', 'Apply']);
  });

  test('every pipeline begins with the tests, and who reaches the cloud has a token', () => {
    for (const steps of all) {
      expect(steps[0]?.step.name).toBe('Build and test');
      for (const { step } of steps) {
        expect(
          step.oidc ?? false,
          `${step.name}: oidc is for what sources terraform/pipeline.sh, and for nothing else`,
        ).toBe(step.script.some((line) => line.includes('terraform/pipeline.sh')));
      }
    }
  });

  test('names only commands that exist', async () => {
    const terminal = testTerminal();
    await main(['--help'], terminal);
    const help = terminal.printed.join('\n');
    const lines = definitions.steps.flatMap(({ step }) => step.script.flatMap((line) => line.split(' && ')));
    for (const line of lines) {
      const [, npmScript] = /^npm (?:run )?([a-z:-]+)/.exec(line) ?? [];
      const [, command] = /^npx nightshift ([a-z-]+)/.exec(line) ?? [];
      const [, sourced] = /^\. (\S+)$/.exec(line) ?? [];
      if (npmScript !== undefined) {
        expect([...Object.keys(scripts), 'ci'], line).toContain(npmScript);
      } else if (command !== undefined) {
        expect(help, line).toMatch(new RegExp(`^ +${command}\\b`, 'm'));
      } else if (sourced !== undefined) {
        expect(existsSync(path.join(ROOT, sourced)), line).toBe(true);
      } else {
        expect(line).toMatch(/^terraform (plan|apply) -input=false /);
      }
    }
  });

  test('names only caches that are defined', () => {
    for (const { step } of definitions.steps) {
      expect(Object.keys(definitions.caches)).toEqual(expect.arrayContaining(step.caches ?? []));
    }
  });
});
