// function.yaml and the table of capabilities: the shipped ones are right, and wrong ones are told by line and field.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { capabilitiesOf, parseCapabilities, readCapabilities } from '../../shared/config/capabilities.ts';
import { manifestSchema, parseManifest, readManifests } from '../../shared/config/manifest.ts';
import { FileError } from '../../shared/config/yaml-source.ts';
import { ConfigurationError } from '../../shared/core/errors.ts';

const shipped = join(import.meta.dirname, '../../functions');
const minimal =
  'name: tidy\npurpose: Tidies what nobody uses any more\ntriggers: {}\nbundleBudgetKiB: 100\ncapabilities: []\n';
const capabilities = ['metrics.read', 'chat.post'];

function problemsOf(text: string): readonly string[] {
  try {
    parseManifest(text, 'function.yaml', { folderName: 'tidy', capabilities });
  } catch (error) {
    expect(error).toBeInstanceOf(FileError);
    return (error as FileError).problems.map(
      ({ line, column, path, message }) => `${String(line)}:${String(column)} ${path.join('.')}: ${message}`,
    );
  }
  return expect.fail('the manifest was accepted');
}

describe('the shipped duties', () => {
  it('have right manifests, whose capabilities are known', async () => {
    const manifests = await readManifests(shipped);
    expect(manifests.map(({ name }) => name)).toContain('rebalance');
    expect(manifests.find(({ name }) => name === 'rebalance')).toMatchObject({
      triggers: { schedule: '*/15 * * * *', timezone: 'UTC', topic: true, http: true },
      fanOut: true,
      timeoutSeconds: 300,
    });
  });
});

describe('a manifest', () => {
  it('has defaults', () => {
    expect(parseManifest(minimal, 'function.yaml', { folderName: 'tidy', capabilities })).toEqual({
      name: 'tidy',
      kind: 'duty',
      purpose: 'Tidies what nobody uses any more',
      triggers: { timezone: 'UTC', topic: false, http: true },
      fanOut: false,
      public: false,
      timeoutSeconds: 60,
      memoryMiB: 256,
      concurrency: 1,
      maxInstances: 5,
      retries: 0,
      bundleBudgetKiB: 100,
      capabilities: [],
    });
  });

  it.each(['*/15 * * * *', '0 9 * * MON-FRI', '30 2 1 jan,jul *', '0 0 29 2 *', '0 22 * * 0'])(
    'takes the schedule %s',
    (schedule) => {
      const text = minimal.replace('triggers: {}', `triggers: {schedule: '${schedule}', timezone: Europe/Berlin}`);
      expect(parseManifest(text, 'f', { folderName: 'tidy', capabilities }).triggers.schedule).toBe(schedule);
    },
  );

  it.each([
    '',
    'often',
    '* * * * * *',
    '@daily',
    '0 25 * * *',
    '0 0 31 2 *',
    '0 0 L * *',
    '0 0 * * MON#2',
    '61 * * * *',
    '* * * *',
    '*  * * * *',
  ])('refuses the schedule "%s"', (schedule) => {
    const text = minimal.replace('triggers: {}', `triggers: {schedule: '${schedule}'}`);
    expect(problemsOf(text)).toEqual([
      `3:22 triggers.schedule: expected a cron expression of five fields that comes due some day, such as */15 * * * *, got ${JSON.stringify(schedule)}`,
    ]);
  });

  it.each([
    [
      'triggers: {}',
      'triggers: {timezone: Berlin}',
      '3:22 triggers.timezone: expected an IANA time zone such as Europe/Berlin, got "Berlin"',
    ],
    [
      'triggers: {}',
      'triggers: {http: false}',
      '3:11 triggers: without schedule, topic and http the duty would never run',
    ],
    [
      'triggers: {}',
      'triggers: {}\nfanOut: true',
      '1:1 : fanOut needs triggers.topic: the scopes are handed out over it',
    ],
    ['name: tidy', 'name: tidier', '1:7 name: expected tidy, the name of its folder, got "tidier"'],
    [
      'name: tidy',
      'name: Tidy_Up',
      '1:7 name: expected a kebab-case name of at most 19 characters, the same as its folder, got "Tidy_Up"',
    ],
    [
      'capabilities: []',
      'capabilities: [metric.read]',
      '5:16 capabilities.0: expected a capability of capabilities.yaml, got "metric.read"; did you mean metrics.read?',
    ],
    ['capabilities: []', 'capabilities: [chat.post, chat.post]', '5:15 capabilities: each capability once'],
    [
      'capabilities: []',
      'capabilities: []\ntimeoutSecond: 5',
      '6:1 timeoutSecond: unknown field; did you mean timeoutSeconds?',
    ],
    [
      'capabilities: []',
      'capabilities: []\ntimeoutSeconds: 3601',
      '6:17 timeoutSeconds: expected at most 3600, got 3601',
    ],
    ['bundleBudgetKiB: 100\n', '', '1:1 bundleBudgetKiB: is missing; expected a number'],
  ])('%s → %s is refused', (before, after, expected) => {
    expect(problemsOf(minimal.replace(before, after))).toEqual([expected]);
  });

  it('has a JSON Schema that takes the shipped ones and names the capabilities', async () => {
    const known = [...(await readCapabilities()).keys()];
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(manifestSchema(known));
    expect(validate(parse(minimal))).toBe(true);
    expect(validate({ ...(parse(minimal) as object), capabilities: ['kubernetes.read-pods'] })).toBe(true);
    expect(validate({ ...(parse(minimal) as object), capabilities: ['kubernetes.everything'] })).toBe(false);
    expect(validate({ ...(parse(minimal) as object), unknown: 1 })).toBe(false);
  });
});

describe('a folder of duties', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nightshift-functions-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('gives those with a function.yaml, by name', async () => {
    for (const name of ['tidy', 'report']) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'function.yaml'), minimal.replace('name: tidy', `name: ${name}`));
    }
    await mkdir(join(folder, 'notes'));
    await writeFile(join(folder, 'README.md'), '');
    expect((await readManifests(folder)).map(({ name }) => name)).toEqual(['report', 'tidy']);
  });

  it('fails with the file that is wrong, and with the folder that is not there', async () => {
    await mkdir(join(folder, 'tidy'));
    await writeFile(join(folder, 'tidy', 'function.yaml'), 'name: tidy\n');
    await expect(readManifests(folder)).rejects.toThrow(/tidy\/function\.yaml has \d problems/);
    await expect(readManifests(join(folder, 'none'))).rejects.toThrow(ConfigurationError);
  });
});

describe('the table of capabilities', () => {
  it('adds the way to the cluster to whatever has rules for it, and to nothing else', async () => {
    const known = await readCapabilities();
    expect([...capabilitiesOf(['kubernetes.read-pods'], known).keys()]).toEqual([
      'kubernetes.connect',
      'kubernetes.read-pods',
    ]);
    expect([...capabilitiesOf(['chat.post', 'store.write'], known).keys()]).toEqual(['chat.post', 'store.write']);
  });

  it.each([
    ['{ permissions: [bigquery.jobs.create], on: dataset }', 'single permissions make a custom role'],
    ['{ role: roles/viewer, permissions: [a.b.c], on: project }', 'either role or permissions'],
    ['{ on: project }', 'either role or permissions'],
  ])('refuses the grant %s', (grant, expected) => {
    const text = `x.y:\n  description: For this test\n  gcp:\n    - ${grant}\n`;
    expect(() => parseCapabilities(text, 'capabilities.yaml')).toThrow(expected);
  });

  it('says what the shipped duties need, one verb and one resource at a time', async () => {
    const known = await readCapabilities();
    expect(known.get('kubernetes.resize-pods')).toEqual({
      description: expect.any(String) as unknown,
      writes: true,
      actionKinds: ['cluster.resize-container'],
      kubernetes: [{ verb: 'patch', group: '', resource: 'pods', subresource: 'resize', clusterWide: false }],
      gcp: [],
      settings: [],
      private: false,
      slack: [],
      jira: [],
      bitbucket: [],
    });
    expect(known.get('kubernetes.read-nodes')?.kubernetes).toContainEqual({
      verb: 'list',
      group: '',
      resource: 'pods',
      subresource: '',
      clusterWide: true,
    });
    expect(
      known.get('kubernetes.patch-workloads')?.kubernetes.map(({ verb, resource }) => `${verb} ${resource}`),
    ).toEqual([
      'get deployments',
      'patch deployments',
      'get statefulsets',
      'patch statefulsets',
      'get daemonsets',
      'patch daemonsets',
    ]);
    expect(known.get('chat.post')?.slack).toContain('chat:write');
  });

  it('lets nothing that reads change anything', async () => {
    for (const capability of (await readCapabilities()).values()) {
      const changes = capability.kubernetes.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb));
      expect(changes.length === 0 || capability.writes).toBe(true);
    }
    expect(() =>
      parseCapabilities('a.b: {description: x, kubernetes: [{verbs: [patch], resources: [pods]}]}', 'c.yaml'),
    ).toThrow('c.yaml:1:6: "a.b": what changes something needs writes: true');
  });

  it.each([
    [
      'a.b: {description: x, slack: [everything]}',
      'c.yaml:1:31: "a.b".slack[0]: expected a Slack scope such as chat:write, got "everything"',
    ],
    [
      'a.b: {description: x, kubernetes: [{verbs: [lst], resources: [pods]}]}',
      'expected one of get, list, watch, create, update, patch, delete, got "lst"',
    ],
    [
      'nonsense: {description: x}',
      'c.yaml:1:1: nonsense: the name is wrong: expected a capability name such as kubernetes.read-pods, got "nonsense"',
    ],
  ])('refuses %s', (text, expected) => {
    expect(() => parseCapabilities(text, 'c.yaml')).toThrow(expected);
  });
});
