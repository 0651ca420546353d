// `nightshift policy check` and `policy schema` as people call them.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { main } from '../../shared/local/cli.ts';
import { testTerminal, type TestTerminal } from './terminal.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-policy-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function check(
  text: string,
): Promise<{ readonly code: number; readonly terminal: TestTerminal; readonly file: string }> {
  const file = path.join(folder, 'policy.yaml');
  await writeFile(file, text);
  const terminal = testTerminal();
  return { code: await main(['policy', 'check', file], terminal), terminal, file };
}

const RIGHT = `version: 1
clusters:
  prod:
    metrics:
      url: http://127.0.0.1:8428
duties:
  rebalance:
    scopes:
      - cluster: prod
        namespaces: [shop]
`;

describe('policy check', () => {
  it('accepts a right file', async () => {
    const { code, terminal, file } = await check(RIGHT);
    expect(code).toBe(0);
    expect(terminal.printed).toEqual([`${file} is valid: 1 cluster, 1 scope.`]);
  });

  it('names every problem with its line and field', async () => {
    const { code, terminal, file } = await check(
      RIGHT.replace('scopes:', 'oomKills: many\n    scopez:').replace('version: 1', 'version: 1\ntimezone: Mars'),
    );
    const said = terminal.warned.join('\n');
    expect(code).toBe(1);
    expect(said).toContain(`${file}:2:11: timezone`);
    expect(said).toContain('duties.rebalance.oomKills');
    expect(said).toContain('did you mean scopes?');
    expect(terminal.printed).toEqual([]);
  });

  it.each([
    [
      'a scope of an unknown cluster',
      RIGHT.replace('cluster: prod', 'cluster: prot'),
      'duties.rebalance.scopes[0].cluster',
    ],
    [
      'a selector that is none',
      RIGHT.replace('8428', "8428\n      selector: 'cluster=prod'"),
      'clusters.prod.metrics.selector',
    ],
    ['a broken file', `${RIGHT}  : [`, 'policy.yaml:'],
    ['an empty file', '', 'policy.yaml'],
  ])('refuses %s', async (_, text, expected) => {
    const { code, terminal } = await check(text);
    expect(code).toBe(1);
    expect(terminal.warned.join('\n')).toContain(expected);
  });

  it('shows warnings and still accepts', async () => {
    const { code, terminal } = await check(
      `${RIGHT}knownIssues: [{id: OPS-1, subject: {pod: x}, reason: known, until: '2020-01-01T00:00:00Z'}]\n`,
    );
    expect(code).toBe(0);
    expect(terminal.warned.join('\n')).toContain('OPS-1');
  });

  it('fails for a file that is not there, with what to do', async () => {
    const terminal = testTerminal();
    expect(await main(['policy', 'check', path.join(folder, 'none.yaml')], terminal)).toBe(1);
    expect(terminal.warned.join('\n')).toContain('nightshift init');
  });
});

describe('policy schema', () => {
  it('prints a JSON Schema that accepts what check accepts and refuses unknown fields', async () => {
    const terminal = testTerminal();
    expect(await main(['policy', 'schema'], terminal)).toBe(0);
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const validate = ajv.compile(JSON.parse(terminal.printed.join('\n')) as object);
    expect(validate(parse(RIGHT))).toBe(true);
    expect(validate(parse(RIGHT.replace('scopes:', 'scopez:')))).toBe(false);
    expect(validate(parse(RIGHT.replace('version: 1', 'version: 2')))).toBe(false);
  });

  it('writes it to a file, again and again', async () => {
    const file = path.join(folder, 'x.schema.json');
    for (let time = 0; time < 2; time += 1) {
      expect(await main(['policy', 'schema', '--out', file], testTerminal())).toBe(0);
    }
    const schema = JSON.parse(await readFile(file, 'utf8')) as { properties: Record<string, unknown> };
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(['clusters', 'modes', 'duties']));
  });
});
