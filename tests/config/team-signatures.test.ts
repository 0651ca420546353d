// A team's own signatures in its policy: files beside it or content in it, each proven, none under the name of a shipped one by accident.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { policySignatures, teamCatalogue } from '../../shared/config/team-signatures.ts';
import { explainLog } from '../../shared/core/log/explain.ts';
import { main } from '../../shared/local/cli.ts';
import { minutes, openMade, started } from '../support/builds.ts';
import { testTerminal, type TestTerminal } from '../cli/terminal.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-signatures-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const OWN = `category: artifact-store
rerun: helps
why: The artifact store was being restarted; nothing of the change is involved.
signatures:
  - id: restarting
    patterns: ['artifact store .{0,40}is restarting']
    examples: ['push failed: artifact store eu-1 is restarting, try again']
    nearMisses: ['artifact store eu-1 was restarted']
`;
const LOG = 'push failed: artifact store eu-2 is restarting, try again\n';
const POLICY = 'version: 1\nci:\n  bitbucket: {workspace: example}\n';

async function written(name: string, text: string): Promise<string> {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

async function called(
  ...words: readonly string[]
): Promise<{ readonly code: number; readonly terminal: TestTerminal }> {
  const terminal = testTerminal();
  return { code: await main(words, terminal), terminal };
}

const indented = (text: string, by: number): string => text.trimEnd().replaceAll('\n', `\n${' '.repeat(by)}`);

describe('signatures of a policy', () => {
  test('are read from files beside it', async () => {
    await written('signatures/own.yaml', OWN);
    const file = await written('policy.yaml', `${POLICY}  signatures: [signatures/own.yaml]\n`);
    expect((await policySignatures(file)).map(({ category }) => category)).toEqual(['artifact-store']);
    const { code, terminal } = await called('policy', 'check', file);
    expect([code, terminal.printed]).toEqual([0, [`${file} is valid: 0 clusters, 2 scopes, 1 signature of your own.`]]);
  });

  test('may stand in it, for a policy that is mounted alone', async () => {
    const file = await written('policy.yaml', `${POLICY}  signatures:\n    - ${indented(OWN, 6)}\n`);
    const signatures = [...(await policySignatures(file))];
    const catalogue = await teamCatalogue({ ci: { bitbucket: bitbucket(), signatures } });
    expect(explainLog(LOG, catalogue)).toMatchObject({ verdict: 'transient', signature: 'artifact-store/restarting' });
    expect(explainLog(LOG, await teamCatalogue({})).verdict).toBe('unknown');
  });

  test('that are wrong are told with file, line and field', async () => {
    await written('own.yaml', OWN.replace('store eu-1 was restarted', 'store eu-1 is restarting'));
    const named = await written('policy.yaml', `${POLICY}  signatures: [own.yaml]\n`);
    await expect(policySignatures(named)).rejects.toThrow('own.yaml:8:18: signatures[0].nearMisses[0]: is a near-miss');
    const inline = await written(
      'inline.yaml',
      `${POLICY}  signatures:\n    - ${indented(OWN.replace('push failed: artifact', 'push failed: no'), 6)}\n`,
    );
    await expect(policySignatures(inline)).rejects.toThrow(
      /inline\.yaml:11:\d+: ci\.signatures\[0\]\.signatures\[0\]\.examples\[0\]: is an example, and is not matched/,
    );
  });

  test('in a file that is not there are told at its name', async () => {
    const file = await written('policy.yaml', `${POLICY}  signatures: [nowhere.yaml]\n`);
    const { code, terminal } = await called('policy', 'check', file);
    expect(code).toBe(1);
    expect(terminal.warned.join()).toMatch(
      /policy\.yaml:4:16: ci\.signatures\[0\]: expected a file of signatures beside the policy, got "nowhere\.yaml"/,
    );
  });

  test('count for the reruns of a build', async () => {
    const running = await openMade(
      {
        repositories: [
          {
            slug: 'shop',
            branches: { main: 'aaaaaaa1' },
            pipelineFile: { '*': 'pipelines:\n  default:\n    - step: {name: Build, script: [make]}\n' },
            pipelines: [
              {
                number: 1,
                commit: 'aaaaaaa1',
                createdAt: '-4m',
                steps: [{ name: 'Build', result: ['FAILED', 'SUCCESSFUL'], log: [LOG, 'ok'] }],
              },
            ],
          },
        ],
      },
      {
        ci: {
          bitbucket: { workspace: 'example' },
          signatures: [
            {
              category: 'artifact-store',
              rerun: 'helps',
              why: 'The artifact store was being restarted.',
              signatures: [{ id: 'restarting', patterns: ['artifact store .{0,40}is restarting'], examples: [LOG] }],
            },
          ],
        },
      },
    );
    try {
      await minutes(running, 2);
      expect(started(running)).toEqual(['shop #2']);
    } finally {
      await running.close();
    }
  });
});

describe('the name of a shipped signature', () => {
  async function shippedName(): Promise<string> {
    const { signatures } = await teamCatalogue({});
    return signatures[0]?.name ?? '';
  }

  async function bearing(name: string, more = ''): Promise<string> {
    const [category = '', id = ''] = name.split('/');
    return written(
      'own.yaml',
      OWN.replace('category: artifact-store', `category: ${category}`).replace('id: restarting', `id: ${id}${more}`),
    );
  }

  test('is refused in the policy and by the test of the file', async () => {
    const name = await shippedName();
    const file = await bearing(name);
    const policy = await written('policy.yaml', `${POLICY}  signatures: [own.yaml]\n`);
    for (const words of [
      ['policy', 'check', policy],
      ['signature', 'test', file],
    ]) {
      const { code, terminal } = await called(...words);
      expect(code).toBe(1);
      expect(terminal.warned.join()).toContain(`has ${name} already; overrides: true puts this one in its place`);
    }
  });

  test('may be taken by who says so, and both say which one gives way', async () => {
    const name = await shippedName();
    const file = await bearing(name, '\n    overrides: true');
    const policy = await written('policy.yaml', `${POLICY}  signatures: [own.yaml]\n`);
    for (const words of [
      ['policy', 'check', policy],
      ['signature', 'test', file],
    ]) {
      const { code, terminal } = await called(...words);
      expect(code).toBe(0);
      expect(terminal.printed.join()).toContain(`In place of shipped ones: ${name}.`);
    }
    const [own] = await policySignatures(policy);
    const catalogue = await teamCatalogue({
      ci: { bitbucket: bitbucket(), signatures: own === undefined ? [] : [own] },
    });
    expect(explainLog(LOG, catalogue).signature).toBe(name);
  });

  test('cannot be overridden where there is none', async () => {
    const file = await written('own.yaml', OWN.replace('id: restarting', 'id: restarting\n    overrides: true'));
    const { code, terminal } = await called('signature', 'test', file);
    expect(code).toBe(1);
    expect(terminal.warned.join()).toContain('there is no shipped signature artifact-store/restarting');
  });

  test('of another file of the team is refused too', async () => {
    await written('one.yaml', OWN);
    await written('two.yaml', OWN);
    const file = await written('policy.yaml', `${POLICY}  signatures: [one.yaml, two.yaml]\n`);
    await expect(policySignatures(file)).rejects.toThrow('one.yaml has artifact-store/restarting too');
  });
});

describe('explain-log --policy', () => {
  test('goes by the signatures of the policy', async () => {
    await written('own.yaml', OWN);
    const policy = await written('policy.yaml', `${POLICY}  signatures: [own.yaml]\n`);
    const log = await written('failed.log', LOG);
    const { terminal } = await called('explain-log', '--policy', policy, '--json', log);
    expect(JSON.parse(terminal.printed.join())).toMatchObject({
      verdict: 'transient',
      signature: 'artifact-store/restarting',
    });
  });
});

describe('a place that is no place', () => {
  test('is a mistake where the policy names a chat that it has not', async () => {
    const file = await written('policy.yaml', `${POLICY}duties:\n  pipeline-retry:\n    tell: {reruns: [chat]}\n`);
    const { code, terminal } = await called('policy', 'check', file);
    expect(code).toBe(1);
    expect(terminal.warned.join()).toMatch(
      /policy\.yaml:6:21: duties\.pipeline-retry\.tell\.reruns\[0\]: expected another place, or chat\.slack/,
    );
  });

  test('is left out of a default, which is said', async () => {
    const { code, terminal } = await called('policy', 'check', await written('policy.yaml', POLICY));
    expect(code).toBe(0);
    expect(terminal.warned.join()).toContain(
      'tell.reruns: without chat.slack, nothing is told in a chat; it is told by build-status alone',
    );
  });
});

function bitbucket(): { workspace: string; repositories: string[]; requestsPerHour: number; urgentShare: number } {
  return { workspace: 'example', repositories: [], requestsPerHour: 900, urgentShare: 0.2 };
}
