// The policy file: defaults, and every mistake told with line, column, field, what was expected and what was there.
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadPolicy, policyForDryRun, policySchema } from '../../shared/config/policy.ts';
import { FileError } from '../../shared/config/yaml-source.ts';
import { CallerError, ConfigurationError } from '../../shared/core/errors.ts';

const duties = {
  rebalance: z.strictObject({
    scopes: z.array(z.strictObject({ cluster: z.string(), namespaces: z.array(z.string()).min(1) })).default([]),
    cooldown: z
      .string()
      .regex(/^[0-9]+h$/, 'a duration such as 6h')
      .default('6h'),
    step: z.number().gt(0).default(0.25).describe('How much a raise adds'),
  }),
  'cost-report': z.strictObject({ currency: z.enum(['EUR', 'USD']).default('EUR') }),
};
const now = new Date('2026-11-15T00:00:00Z');
const load = (text: string): ReturnType<typeof loadPolicy> => loadPolicy(text, 'policy.yaml', duties, now);

function problemsOf(text: string): readonly string[] {
  try {
    load(text);
  } catch (error) {
    expect(error).toBeInstanceOf(FileError);
    expect(error).toBeInstanceOf(ConfigurationError);
    const { message, problems } = error as FileError;
    const lines = problems.length === 1 ? [message] : message.trim().split('\n').slice(1);
    expect(lines).toHaveLength(problems.length);
    return lines;
  }
  return expect.fail('the policy was accepted');
}

const complete = `
version: 1
timezone: Europe/Berlin
clusters:
  prod:
    context: gke_shop_prod
    metrics:
      url: https://metrics.example.com/select/0/prometheus
      selector: '{cluster="prod"}'
chat:
  slack:
    channel: '#platform'
modes:
  - action: cluster.*
    namespace: shop
    mode: auto
duties:
  rebalance:
    scopes:
      - cluster: prod
        namespaces: [shop, checkout]
    step: 0.5
`;

describe('a right policy', () => {
  it('is the file with every default filled in', () => {
    const policy = load(complete);
    expect(policy.team).toMatchObject({
      timezone: 'Europe/Berlin',
      clusters: { prod: { context: 'gke_shop_prod', metrics: { clusterLabel: 'cluster' } } },
      modes: [{ action: 'cluster.*', cluster: '*', namespace: 'shop', mode: 'auto' }],
      paused: false,
      guardrails: { actionsPerHour: 20 },
    });
    expect(policy.team).not.toHaveProperty('duties');
    expect(policy.duties).toEqual({
      rebalance: { scopes: [{ cluster: 'prod', namespaces: ['shop', 'checkout'] }], cooldown: '6h', step: 0.5 },
      'cost-report': { currency: 'EUR' },
    });
    expect(policy.warnings).toEqual([]);
  });

  it('can be one line, and can use anchors', () => {
    expect(load('version: 1').duties).toEqual({
      rebalance: { scopes: [], cooldown: '6h', step: 0.25 },
      'cost-report': { currency: 'EUR' },
    });
    const shared = 'version: 1\nclusters:\n  a: &a {metrics: {url: "http://m"}}\n  b: *a\n';
    expect(load(shared).team.clusters['b']?.metrics.url).toBe('http://m');
  });
});

describe('a wrong policy', () => {
  it.each<[string, string, string]>([
    ['an unknown field', 'version: 1\nmode: []', 'policy.yaml:2:1: mode: unknown field; did you mean modes?'],
    [
      'an unknown nested field',
      'version: 1\nclusters:\n  p:\n    metrics:\n      url: http://m\n      selektor: x',
      'policy.yaml:6:7: clusters.p.metrics.selektor: unknown field; did you mean selector?',
    ],
    [
      'an unknown field in a list',
      'version: 1\nmodes:\n  - mode: auto\n    nmespace: x',
      'policy.yaml:4:5: modes[0].nmespace: unknown field; did you mean namespace?',
    ],
    [
      'an unknown field of a duty',
      'version: 1\nduties:\n  rebalance:\n    zzz: 1',
      'policy.yaml:4:5: duties.rebalance.zzz: unknown field; known are scopes, cooldown, step',
    ],
    [
      'an unknown duty',
      'version: 1\nduties:\n  rebalence: {}',
      'policy.yaml:3:3: duties.rebalence: unknown field; did you mean rebalance?',
    ],
    ['a wrong type', 'version: 1\npaused: "yes"', 'policy.yaml:2:9: paused: expected true or false, got "yes"'],
    [
      'fields in place of a list',
      'version: 1\nmodes:\n  mode: auto',
      'policy.yaml:3:3: modes: expected a list, got fields (name: value)',
    ],
    [
      'nothing in place of fields',
      'version: 1\nclusters:\n  prod:\n',
      'policy.yaml:3:8: clusters.prod: expected fields (name: value), got nothing',
    ],
    [
      'a missing field',
      'version: 1\nchat:\n  slack: {}',
      'policy.yaml:3:10: chat.slack.channel: is missing; expected text',
    ],
    ['a missing version', 'paused: true', 'policy.yaml:1:1: version: is missing; expected 1'],
    ['another version', 'version: 2', 'policy.yaml:1:10: version: expected 1, got 2'],
    [
      'a value out of a choice',
      'version: 1\nmodes: [{mode: automatic}]',
      'policy.yaml:2:16: modes[0].mode: expected one of observe, approve, auto, got "automatic"',
    ],
    [
      'a number that is too large',
      'version: 1\nguardrails:\n  workloadShare: 50',
      'policy.yaml:3:18: guardrails.workloadShare: expected at most 1, got 50',
    ],
    [
      'a number that is too small',
      'version: 1\nduties: {rebalance: {step: 0}}',
      'policy.yaml:2:28: duties.rebalance.step: expected more than 0, got 0',
    ],
    [
      'a fraction',
      'version: 1\nguardrails: {actionsPerHour: 1.5}',
      'policy.yaml:2:30: guardrails.actionsPerHour: expected a whole number, got 1.5',
    ],
    [
      'an empty list',
      'version: 1\nclusters: {a: {metrics: {url: "http://m"}}}\nduties: {rebalance: {scopes: [{cluster: a, namespaces: []}]}}',
      'policy.yaml:3:56: duties.rebalance.scopes[0].namespaces: expected at least 1 entries, got an empty list',
    ],
    [
      'a duration',
      'version: 1\nduties: {rebalance: {cooldown: six}}',
      'policy.yaml:2:32: duties.rebalance.cooldown: expected a duration such as 6h, got "six"',
    ],
    [
      'a time zone',
      'version: 1\ntimezone: Berlin',
      'policy.yaml:2:11: timezone: expected an IANA time zone such as Europe/Berlin, got "Berlin"',
    ],
    [
      'a time',
      'version: 1\nknownIssues: [{id: a, subject: {}, reason: b, until: tomorrow}]',
      'policy.yaml:2:54: knownIssues[0].until: expected an ISO time such as 2026-11-01T09:00:00Z, got "tomorrow"',
    ],
    [
      'fields that contradict each other',
      'version: 1\nwindows:\n  - name: night\n    from: "22:00"',
      'policy.yaml:3:5: windows[0]: from and to belong together',
    ],
    [
      'a cluster that is not there',
      'version: 1\nclusters: {prod: {metrics: {url: "http://m"}}}\nduties: {rebalance: {scopes: [{cluster: prd, namespaces: [a]}]}}',
      'policy.yaml:3:41: duties.rebalance.scopes[0].cluster: expected a cluster of clusters, got "prd"; did you mean prod?',
    ],
    [
      'an address without scheme',
      'version: 1\nclusters: {p: {metrics: {url: "metrics:8428"}}}',
      'policy.yaml:2:31: clusters.p.metrics.url: expected an http:// or https:// address without user or password (those belong in the environment)',
    ],
    [
      'no address at all',
      'version: 1\nclusters: {p: {metrics: {url: "metrics"}}}',
      'policy.yaml:2:31: clusters.p.metrics.url: expected an address such as https://metrics.example.com, got "metrics"',
    ],
    [
      'a duplicate field',
      'version: 1\npaused: true\npaused: false',
      'policy.yaml:3:1: not valid YAML: Map keys must be unique',
    ],
    [
      'two documents',
      'version: 1\n---\nversion: 1',
      'policy.yaml:2:1: expected one YAML document, got another after ---',
    ],
    [
      'a tag',
      'version: !!js/function 1',
      'policy.yaml:1:10: not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function',
    ],
    [
      'an anchor that is not there',
      'version: 1\nclusters: *none',
      'policy.yaml:2:11: expected an anchor &none before this *none, got none',
    ],
    ['an empty file', '', 'policy.yaml:1:1: expected fields (name: value), got nothing'],
    ['a list', '- version: 1', 'policy.yaml:1:1: expected fields (name: value), got a list'],
    ['text', 'hello', 'policy.yaml:1:1: expected fields (name: value), got "hello"'],
  ])('is refused for %s', (_, text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });

  it('is refused for a selector that is more than label matchers', () => {
    const [problem] = problemsOf(
      `version: 1\nclusters: {p: {metrics: {url: "http://m", selector: 'cluster="x"} or up{a="b"'}}}`,
    );
    expect(problem).toMatch(
      /^policy\.yaml:2:53: clusters\.p\.metrics\.selector: expected label matchers such as cluster="prod": /,
    );
  });

  it('is refused for broken YAML with the line', () => {
    expect(problemsOf('version: 1\nclusters: {a: [}\n')[0]).toMatch(/^policy\.yaml:2:\d+: not valid YAML: /);
    expect(problemsOf('version: 1\n\tpaused: true')[0]).toMatch(/^policy\.yaml:2:1: not valid YAML: /);
  });

  it('tells all mistakes at once, in the order of the file', () => {
    const text =
      'version: 3\npaused: 1\nmode: 1\nclusters: {p: {metrics: {url: "http://u:p@m", x: 1}}}\nduties:\n  rebalance:\n    step: -1\n    scopes: [{cluster: q, namespaces: [a]}]\n';
    const lines = problemsOf(text).map((line) => line.split(':').slice(1, 4).join(':'));
    expect(lines).toEqual([
      '1:10: version',
      '2:9: paused',
      '3:1: mode',
      '4:31: clusters.p.metrics.url',
      '4:47: clusters.p.metrics.x',
      '7:11: duties.rebalance.step',
      '8:24: duties.rebalance.scopes[0].cluster',
    ]);
  });

  it('says what to do, after a list on a line of its own', () => {
    expect(() => load('version: 2\npaused: 1')).toThrow(
      expect.objectContaining({ full: expect.stringMatching(/got 1\nCorrect the file; [^\n]+$/) as unknown }),
    );

    expect(() => load('version: 2')).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('nightshift policy schema') as unknown }),
    );
  });

  it('shows no password and no token that got into it', () => {
    const token = ['xoxb', '123456789012', 'abcdefabcdef'].join('-');
    const text = `version: ${token}\ntimezone: "https://u:hunter2@x"\nclusters: {p: {metrics: {url: "http://u:hunter2@m"}}}`;
    const shown = problemsOf(text).join('\n');
    expect(shown).not.toContain(token);
    expect(shown).not.toContain('hunter2');
  });

  it('cannot blow up by anchors, by depth or by size', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'.split('').map(
        (name, index) =>
          `${name}: &${name} [${Array(10)
            .fill(`*${'abcdefgh'[index] ?? ''}`)
            .join(',')}]`,
      ),
    ];
    expect(problemsOf(bomb.join('\n'))[0]).toMatch(/cannot be unfolded: Excessive alias count/);
    expect(problemsOf(`version: ${'['.repeat(5000)}${']'.repeat(5000)}`)[0]).toMatch(/policy\.yaml:\d+:\d+: /);
    expect(problemsOf(`version: ${'['.repeat(100_000)}`)[0]).toMatch(/policy\.yaml:\d+:\d+: /);
    expect(problemsOf(`version: 1\n#${'x'.repeat(1_100_000)}`)[0]).toContain('expected at most 1048576 characters');
  });

  it('cannot reach the prototype of anything', () => {
    expect(problemsOf('version: 1\n__proto__: {paused: true}').join()).toContain('__proto__');
    expect(problemsOf('version: 1\nconstructor: 1').join()).toContain('constructor: unknown field');
    expect(({} as { paused?: boolean }).paused).toBeUndefined();
  });

  it('never fails otherwise than by a FileError, whatever the text', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(...complete.split('\n'), '- ', '  ', '&a', '*a', '? x', '<<: *a', '[', '{', '"', '|', '!!x'),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        try {
          load(lines.join('\n'));
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
          for (const problem of (error as FileError).problems) {
            expect(problem.line).toBeGreaterThan(0);
            expect(problem.column).toBeGreaterThan(0);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('warnings', () => {
  it('tell of what has ended and of rules that never apply', () => {
    const { warnings } = load(`${complete.replace('namespace: shop', 'cluster: prd')}
knownIssues:
  - {id: OPS-1, subject: {pod: a}, reason: b, until: '2026-11-14T00:00:00Z'}
  - {id: OPS-2, subject: {pod: a}, reason: b, until: '2026-11-16T00:00:00Z'}
windows:
  - {name: freeze, start: '2026-10-01T00:00:00Z', end: '2026-10-02T00:00:00Z'}
`);
    expect(warnings).toEqual([
      'The known issue OPS-1 ended at 2026-11-14T00:00:00Z and no longer holds; take it out or set a later time.',
      'The window freeze ended at 2026-10-02T00:00:00Z; take it out.',
      'A mode names the cluster prd, which is not among clusters: it never applies.',
    ]);
  });
});

describe('the JSON Schema for editors', () => {
  const schema = policySchema(duties);
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const validate = ajv.compile(schema);

  it('accepts what is right and refuses what is wrong', () => {
    expect(validate({ version: 1 })).toBe(true);
    expect(validate({ version: 1, duties: { rebalance: { step: 0.5 } } })).toBe(true);
    expect(validate({ version: 1, duties: { rebalance: { step: 0 } } })).toBe(false);
    expect(validate({ version: 1, mode: [] })).toBe(false);
    expect(validate({})).toBe(false);
  });

  it('carries descriptions and defaults of team and duties', () => {
    const text = JSON.stringify(schema);
    expect(text).toContain('How much a raise adds');
    expect(text).toContain('Kill switch');
    expect(text).toContain('"default":0.25');
    expect(text).toContain('draft-07');
  });
});

describe('a dry run without a file', () => {
  it('has the defaults, its cluster and its scope', () => {
    const policy = policyForDryRun(
      {
        cluster: 'default',
        namespace: 'shop',
        metricsUrl: 'http://127.0.0.1:8428',
        selector: 'cluster="a"',
        context: 'kind',
      },
      duties,
    );
    expect(policy.team.clusters['default']).toEqual({
      context: 'kind',
      metrics: { url: 'http://127.0.0.1:8428', selector: 'cluster="a"', clusterLabel: 'cluster' },
    });
    expect(policy.team.modes).toEqual([]);
    expect(policy.duties).toEqual({
      rebalance: { scopes: [{ cluster: 'default', namespaces: ['shop'] }], cooldown: '6h', step: 0.25 },
      'cost-report': { currency: 'EUR' },
    });
  });

  it.each([
    [{ metricsUrl: 'metrics:8428' }, '--metrics-url'],
    [{ metricsUrl: 'http://m', selector: '}' }, '--metrics-selector'],
    [{ metricsUrl: 'http://m', context: '' }, '--context'],
    [{ metricsUrl: 'http://m', cluster: '' }, '--cluster or --namespace'],
  ])('names the flag that is wrong: %j', (input, flag) => {
    const run = (): unknown => policyForDryRun({ cluster: 'default', namespace: 'shop', ...input }, duties);
    expect(run).toThrow(CallerError);
    expect(run).toThrow(expect.objectContaining({ field: flag }));
  });
});
