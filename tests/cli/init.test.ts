// `nightshift init`: what it writes is valid, explains every setting, changes nothing, and overwrites nothing.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { duty } from '../../functions/rebalance/index.ts';
import { loadPolicy } from '../../shared/config/policy.ts';
import { CallerError } from '../../shared/core/errors.ts';
import { modeOf } from '../../shared/core/guardrail.ts';
import { main } from '../../shared/local/cli.ts';
import { policyText } from '../../shared/local/cli/init.ts';
import { type Answers, completeAnswers, type Person } from '../../shared/local/cli/init-answers.ts';
import { settingLines } from '../../shared/local/cli/init-text.ts';
import { testTerminal } from './terminal.ts';

const SCHEMAS = { rebalance: duty.policy };

const WATCHED = {
  cluster: 'prod',
  context: undefined,
  gke: undefined,
  metricsUrl: 'http://127.0.0.1:8428',
  metricsSelector: undefined,
  namespaces: ['shop', 'pay'],
};

const ANSWERS: Answers = {
  watched: WATCHED,
  bitbucketWorkspace: undefined,
  slackChannel: undefined,
  jiraUrl: undefined,
  jiraProject: undefined,
  timezone: undefined,
};

function load(text: string): ReturnType<typeof loadPolicy> {
  return loadPolicy(text, 'nightshift.yaml', SCHEMAS, new Date('2026-03-04T10:00:00Z'));
}

/** Switches every setting on, as the header tells: takes the # away from lines that are no words. */
/** A cluster is found by a context or by GKE, never by both: of the two ways the first one. */
function switchedOn(text: string): string {
  return text.replace(/^ *#gke:\n[\s\S]*?(?=^ {4}metrics:)/m, '').replaceAll(/^( *)#(?! \S|$)/gm, '$1');
}

describe('the file', () => {
  const text = policyText([duty], ANSWERS, 'nightshift.schema.json');

  it('is valid, names the scopes, and lets nothing happen', () => {
    const { team, duties, warnings } = load(text);
    expect(warnings).toEqual([]);
    expect(duty.scopes(duty.policy.parse(duties['rebalance']), team)).toEqual([
      { cluster: 'prod', namespace: 'shop' },
      { cluster: 'prod', namespace: 'pay' },
    ]);
    for (const kind of duty.actionKinds) {
      expect(modeOf(team, kind, { cluster: 'prod', namespace: 'shop' })).toBe('observe');
    }
    expect(team.chat).toBeUndefined();
    expect(team.tracker).toBeUndefined();
  });

  it('changes no default', () => {
    const bare = load(
      'version: 1\nclusters: {prod: {metrics: {url: "http://127.0.0.1:8428"}}}\nduties: {rebalance: {scopes: [{cluster: prod, namespaces: [shop, pay]}]}}\n',
    );
    expect(load(text)).toEqual(bare);
  });

  it('is still valid with every setting switched on, so that each default and example is one', () => {
    const all = switchedOn(text);
    expect(all).toContain('mode: auto');
    const { team, duties } = load(all);
    expect(modeOf(team, 'cluster.resize-container', { cluster: 'prod', namespace: 'shop' })).toBe('auto');
    expect(team.guardrails).toEqual(load(text).team.guardrails);
    expect(duties).toEqual(load(text).duties);
  });

  it('shows every setting that there is, each with words about it', () => {
    for (const name of [
      ...Object.keys(load(text).team),
      ...Object.keys(load(text).team.guardrails),
      ...Object.keys(duty.policy.parse({})),
    ]) {
      expect(text).toMatch(new RegExp(`^ *#?${name}:`, 'm'));
    }
    const lines = text.split('\n');
    const isSetting = (line: string): boolean => /^ {4}#?[a-z]\w*:/i.test(line);
    const thresholds = lines
      .slice(lines.indexOf('duties:'))
      .map((line, index, part) => ({ line, above: part[index - 1] }));
    const unexplained = thresholds.filter(({ line, above }) => isSetting(line) && !/^ *# /.test(above ?? ''));
    expect(unexplained).toEqual([]);
  });

  it('begins with the schema for editors', () => {
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./nightshift.schema.json');
  });

  it('holds every answer', () => {
    const full = policyText(
      [duty],
      {
        ...ANSWERS,
        watched: { ...WATCHED, context: 'gke_shop', metricsSelector: 'cluster="prod",env=~"a|b"' },
        bitbucketWorkspace: 'shop-team',
        slackChannel: '#ops',
        jiraUrl: 'https://shop.atlassian.net',
        jiraProject: 'OPS',
        timezone: 'Europe/Berlin',
      },
      'x.json',
    );
    expect(load(full).team).toMatchObject({
      timezone: 'Europe/Berlin',
      clusters: { prod: { context: 'gke_shop', metrics: { selector: 'cluster="prod",env=~"a|b"' } } },
      chat: { slack: { channel: '#ops' } },
      tracker: { jira: { url: 'https://shop.atlassian.net', project: 'OPS', issueType: 'Task' } },
      ci: { bitbucket: { workspace: 'shop-team' } },
    });
    expect(load(switchedOn(full)).team.timezone).toBe('Europe/Berlin');
  });

  it('names a GKE cluster in place of a kubeconfig, and never both', async () => {
    const flags = { metricsUrl: 'http://m', namespace: ['shop'], gke: 'shop-prod/europe-west3/prod' };
    const text = policyText([duty], await completeAnswers(flags, undefined), 'x.json');
    expect(load(text).team.clusters['default']).toMatchObject({
      gke: { project: 'shop-prod', location: 'europe-west3', cluster: 'prod', endpoint: 'dns' },
    });
    await expect(completeAnswers({ ...flags, context: 'prod' }, undefined)).rejects.toThrow('--gke and --context');
    await expect(completeAnswers({ ...flags, gke: 'prod' }, undefined)).rejects.toThrow('project/location/cluster');
  });

  it('quotes names that YAML would read as something else', () => {
    for (const cluster of ['on', '1', 'a: b', '#x', 'null', '2026-03-04']) {
      const { team } = load(policyText([duty], { ...ANSWERS, watched: { ...WATCHED, cluster } }, 'x.json'));
      expect(Object.keys(team.clusters)).toEqual([cluster]);
    }
  });
});

describe('settings as lines', () => {
  it('marks an example as one, and wraps long words of explanation', () => {
    const lines = settingLines(
      { properties: { wanted: { description: 'word '.repeat(40).trim(), examples: [['a', 'b']], default: [] } } },
      {},
    );
    expect(lines.at(-1)).toBe('#wanted: [a, b]');
    expect(lines.at(-2)).toMatch(/^# .*an example:$/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(112);
  });
});

describe('questions', () => {
  function person(replies: readonly string[]): Person & { readonly asked: string[] } {
    const left = [...replies];
    const asked: string[] = [];
    return {
      asked,
      contexts: { names: ['dev', 'prod'], current: 'prod' },
      ask: (question) => {
        asked.push(question);
        const reply = left.shift();
        return reply === undefined ? Promise.reject(new Error(`not expected: ${question}`)) : Promise.resolve(reply);
      },
    };
  }

  it('offers what the kubeconfig knows and takes return for its default', async () => {
    const somebody = person(['', '', '', 'http://vm:8428', '', 'shop, pay shop', '', '', '']);
    const answers = await completeAnswers({}, somebody);
    expect(somebody.asked[1]).toBe('Context of the kubeconfig: dev, prod [prod]: ');
    expect(answers).toEqual({
      ...ANSWERS,
      watched: { ...WATCHED, context: 'prod', metricsUrl: 'http://vm:8428' },
      timezone: 'UTC',
    });
  });

  it('asks again after an answer that is none, saying what was expected', async () => {
    const somebody = person([
      'Shop Team',
      '',
      '',
      '',
      '',
      'vm:8428',
      'http://vm:8428',
      'cluster=',
      '',
      'Shop!',
      'shop',
      '',
      '',
      'Mars',
      'UTC',
    ]);
    const answers = await completeAnswers({}, somebody);
    expect(answers.watched?.namespaces).toEqual(['shop']);
    expect(somebody.asked.filter((question) => question.includes('expected'))).toHaveLength(5);
  });

  it('does not ask for what a flag has said, and asks for the project only with a site', async () => {
    const somebody = person(['OPS']);
    const answers = await completeAnswers(
      {
        context: 'dev',
        cluster: 'dev',
        metricsUrl: 'http://vm:8428',
        metricsSelector: '',
        namespace: ['shop'],
        bitbucketWorkspace: 'shop-team',
        slackChannel: '#ops',
        jiraUrl: 'https://shop.atlassian.net',
        timezone: 'UTC',
      },
      somebody,
    );
    expect(answers.jiraProject).toBe('OPS');
  });

  it('leaves the cluster out for whoever has pipelines looked after alone', async () => {
    const somebody = person(['shop-team', 'perhaps', 'no', '#builds', '', '']);
    const answers = await completeAnswers({}, somebody);
    expect(answers).toMatchObject({ watched: undefined, bitbucketWorkspace: 'shop-team', slackChannel: '#builds' });
    expect((await completeAnswers({ bitbucketWorkspace: 'shop-team' }, undefined)).watched).toBeUndefined();
  });

  it('asks for the cluster as well where there is one', async () => {
    const somebody = person(['shop-team', '', '', '', 'http://vm:8428', '', 'shop', '', '', '']);
    const answers = await completeAnswers({}, somebody);
    expect(answers).toMatchObject({ watched: { namespaces: ['shop'] }, bitbucketWorkspace: 'shop-team' });
  });

  it.each([
    [{ namespace: ['shop'] }, '--metrics-url'],
    [{ metricsUrl: 'http://vm' }, '--namespace'],
    [{ metricsUrl: 'http://vm', namespace: ['shop'], jiraUrl: 'https://x.example' }, '--jira-project'],
    [{ metricsUrl: 'http://vm', namespace: ['shop'], jiraProject: 'OPS' }, '--jira-url'],
    [{ metricsUrl: 'http://user:hunter2@vm', namespace: ['shop'] }, '--metrics-url'],
    [{ metricsUrl: 'http://vm', namespace: ['Shop'] }, '--namespace'],
    [{ metricsUrl: 'http://vm', namespace: ['shop'], timezone: 'Mars' }, '--timezone'],
    [{ bitbucketWorkspace: 'Shop Team' }, '--bitbucket-workspace'],
    [{ bitbucketWorkspace: 'shop-team', namespace: ['shop'] }, '--metrics-url'],
  ])('names the flag that is missing or wrong: %j', async (flags, flag) => {
    const error: unknown = await completeAnswers(flags, undefined).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CallerError);
    expect((error as CallerError).field).toBe(flag);
    expect((error as CallerError).message).toContain(flag);
    expect((error as CallerError).message).not.toContain('hunter2');
  });
});

describe('the command', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'nightshift-init-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  function init(file: string, ...more: string[]): { terminal: ReturnType<typeof testTerminal>; code: Promise<number> } {
    const terminal = testTerminal();
    const flags = ['--metrics-url', 'http://127.0.0.1:8428', '--namespace', 'shop', 'pay', '--cluster', 'prod'];
    return { terminal, code: main(['init', '--out', file, ...flags, ...more], terminal) };
  }

  it('writes a file that `policy check` accepts, and prints what to do next', async () => {
    const file = path.join(folder, 'team.yaml');
    const { terminal, code } = init(file, '--slack-channel', '#ops');
    expect(await code).toBe(0);
    expect(terminal.printed.join('\n')).toContain(`export NIGHTSHIFT_POLICY=${file}`);
    expect(terminal.printed.join('\n')).toContain('SLACK_BOT_TOKEN');
    expect(terminal.printed.join('\n')).not.toContain('JIRA_API_TOKEN');
    expect(await readFile(file, 'utf8')).toContain('$schema=./team.schema.json');
    const second = testTerminal();
    expect(await main(['policy', 'check', file], second)).toBe(0);
    expect(second.printed).toEqual([expect.stringMatching(/ is valid: 1 cluster, [1-9][0-9]* scopes\.$/)]);
    expect(second.warned).toEqual([]);
  });

  it('writes a policy for pipelines alone, and says which token they need', async () => {
    const file = path.join(folder, 'builds.yaml');
    const terminal = testTerminal();
    expect(await main(['init', '--out', file, '--bitbucket-workspace', 'shop-team'], terminal)).toBe(0);
    const next = terminal.printed.join('\n');
    expect(next).toContain('BITBUCKET_ACCESS_TOKEN');
    expect(next).toContain('nightshift run pipeline-retry --dry-run');
    expect(next).not.toContain('rebalance');
    const second = testTerminal();
    expect(await main(['policy', 'check', file], second)).toBe(0);
    expect(second.printed).toEqual([expect.stringContaining('is valid: 0 clusters, 2 scopes')]);
  });

  it('overwrites only when told to', async () => {
    const file = path.join(folder, 'mine.yaml');
    await writeFile(file, 'mine');
    const refused = init(file);
    expect(await refused.code).toBe(2);
    expect(refused.terminal.warned.join('\n')).toContain('--force');
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect(await init(file, '--force').code).toBe(0);
    expect(await readFile(file, 'utf8')).toContain('version: 1');
  });

  it('says what is wrong with a folder that is not there', async () => {
    const { terminal, code } = init(path.join(folder, 'none', 'x.yaml'));
    expect(await code).toBe(1);
    expect(terminal.warned.join('\n')).toContain('cannot be written');
  });

  it('ends with 2 and the flag when nobody can be asked', async () => {
    const terminal = testTerminal();
    const file = path.join(folder, 'x.yaml');
    expect(await main(['init', '--out', file, '--namespace', 'shop'], terminal)).toBe(2);
    expect(terminal.warned.join('\n')).toContain('--metrics-url');
    await expect(readFile(file)).rejects.toThrow();
  });
});
