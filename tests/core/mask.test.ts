// No secret leaves in any spelling, text around it stays, JSON stays JSON, and hostile text costs no more than other text.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { secretMasker } from '../../shared/core/mask.ts';

const mask = secretMasker([]);
// Put together at run time, so that no scanner takes this file for a leak.
const slack = ['xoxb', '123456789012', '1234567890123', 'AbCdEfGhIjKlMnOpQrStUvWx'].join('-');
const jwt = ['eyJhbGciOiJSUzI1NiJ9', 'eyJpc3MiOiJrdWJlcm5ldGVzIn0', 'c2lnbmF0dXJl_-x'].join('.');
const pem = (kind: string, body: string): string =>
  `-----BEGIN ${kind}PRIVATE KEY-----\n${body}\n-----END ${kind}PRIVATE KEY-----`;

describe('known values', () => {
  const value = 'p&ss w"rd/+<ü>\\';
  const known = secretMasker([value]);

  it.each([
    ['as it is', value],
    ['URL-encoded', encodeURIComponent(value)],
    ['URL-encoded in lower case', encodeURIComponent(value).replaceAll(/%../g, (escape) => escape.toLowerCase())],
    ['as a form field', new URLSearchParams({ v: value }).toString().slice(2)],
    ['in JSON', JSON.stringify(value).slice(1, -1)],
    ['in Slack text', value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')],
    ['in HTML', 'p&amp;ss w&quot;rd/+&lt;ü&gt;\\'],
    ['in base64', Buffer.from(value).toString('base64').replace(/=+$/, '')],
    ['in base64url', Buffer.from(value).toString('base64url')],
  ])('are masked %s', (_, form) => {
    expect(known(`before ${form} after`)).toBe('before *** after');
  });

  it('are masked in a Basic header, whatever the user is called', () => {
    for (const user of ['a', 'ab', 'abc', 'nightshift@example.com']) {
      const header = Buffer.from(`${user}:hunter2-hunter2`).toString('base64');
      const shown = secretMasker(['hunter2-hunter2'])(`> ${header} <`);
      expect(Buffer.from(shown.slice(2, -2), 'base64').toString('latin1')).not.toContain('hunter2');
    }
  });

  it('are masked as a whole where two of them overlap or one holds the other', () => {
    const both = secretMasker(['abcdef', 'defghi', 'abcdefghijkl']);
    expect(both('<abcdefghi>')).toBe('<***>');
    expect(both('<abcdefghijkl>')).toBe('<***>');
    expect(both('abcdef abcdef')).toBe('*** ***');
  });

  it('under four characters are left alone: they would hide every other word', () => {
    expect(secretMasker(['a', '', 'at'])('that is what a cat sat at')).toBe('that is what a cat sat at');
  });

  it('never show in the output, whatever they are and wherever they stand', () => {
    const secret = fc.string({ minLength: 4, maxLength: 40, unit: 'grapheme' }).filter((value) => !/^\*+$/.test(value));
    fc.assert(
      fc.property(secret, fc.array(fc.string(), { minLength: 1, maxLength: 4 }), (known, texts) => {
        fc.pre(!known.includes('*'));
        const text = texts.join(known);
        const shown = secretMasker([known])(
          `${text} ${JSON.stringify(known)} ${encodeURIComponent(known.toWellFormed())}`,
        );
        expect(shown).not.toContain(known);
      }),
    );
  });
});

describe('well-known shapes', () => {
  it.each([
    ['a Slack token', `token is ${slack}.`, 'token is ***.'],
    ['a rotated Slack token', `got xoxe.${slack}`, 'got ***'],
    [
      'a Slack webhook',
      'post to https://hooks.slack.com/services/T000/B000/abcdefgh now',
      'post to https://hooks.slack.com/services/*** now',
    ],
    ['an AWS key', `key ${['AKIA', 'IOSFODNN7EXAMPLE'].join('')} used`, 'key *** used'],
    ['a Google token', `Got ${['ya29', 'a0AfH6SMBx-yz_1'].join('.')}`, 'Got ***'],
    ['a GitHub token', `clone with ${['ghp', 'A'.repeat(36)].join('_')}`, 'clone with ***'],
    ['an Atlassian token', `uses ${['ATATT3x', 'Ab_-='.repeat(8)].join('')}`, 'uses ***'],
    ['a JWT', `Sent ${jwt} to it`, 'Sent *** to it'],
    ['an Authorization header', `Authorization: Bearer ${'abc'.repeat(4)}`, 'Authorization: Bearer ***'],
    ['a Basic header', 'authorization: Basic dXNlcjpwYXNz', 'authorization: Basic ***'],
    ['a bearer token alone', `curl -H "bearer ${'a1'.repeat(12)}"`, 'curl -H "bearer ***"'],
    ['an environment variable', 'DB_PASSWORD=hunter2 next', 'DB_PASSWORD=*** next'],
    ['a YAML field', '  client_secret: s3cr3t\n  other: x', '  client_secret: ***\n  other: x'],
    ['a quoted value with spaces', 'password="correct horse battery" user=x', 'password="***" user=x'],
    ['a single-quoted value', "token: 'a b c' x", "token: '***' x"],
    ['a JSON member', '{"password": "hunt\\"er2", "a": 1}', '{"password": "***", "a": 1}'],
    [
      'a JSON member within a string',
      '{"message":"{\\"api_key\\":\\"hunter2\\"}"}',
      '{"message":"{\\"api_key\\":\\"***\\"}"}',
    ],
    ['a query parameter', 'GET /x?access_token=abc123&page=2', 'GET /x?access_token=***&page=2'],
    ['a flag', 'mysql --password hunter2 --host x', 'mysql --password *** --host x'],
    ['user and password of an address', 'https://bob:hunter2@example.com/x', 'https://***@example.com/x'],
    [
      'a token as the user of an address',
      'git clone https://abcdef@bitbucket.org/t/r',
      'git clone https://***@bitbucket.org/t/r',
    ],
    ['the password of a database address', 'postgres://app:hunter2@db:5432/shop', 'postgres://app:***@db:5432/shop'],
    ['a private key', `a ${pem('RSA ', 'MIIE\nabc')} b`, 'a *** b'],
    ['a private key in JSON', JSON.stringify({ key: pem('', 'MIIE'), x: 1 }), '{"key":"***","x":1}'],
    ['a private key that was cut off', '-----BEGIN EC PRIVATE KEY-----\nMIIE', '***'],
    ['a private key cut off in JSON', '{"a":"-----BEGIN PRIVATE KEY-----\\nMI","b":2}', '{"a":"***","b":2}'],
  ])('masks %s', (_, text, expected) => {
    expect(mask(text)).toBe(expected);
  });

  it.each([
    'checkout-service was OOMKilled 3 times; memory limit 1Gi → 1280Mi',
    'secretName: not checked; 512 tokens: fine',
    'basic authentication is required, bearer authentication too',
    'user@example.com wrote to https://example.com/a@b?c=d@e',
    'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    'git@bitbucket.org:team/repo.git',
    '-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----',
    'rebalance/raise-memory-after-oom run 01k9-zz pod-7f9c-x2x4z',
    '{"tokens":17,"token":null,"password":12345,"ok":true}',
    'registry.example.com/team/image:1.2.3@sha256:abc',
  ])('leaves %j as it is', (text) => {
    expect(mask(text)).toBe(text);
  });

  it('changes nothing when it is applied again', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        slack,
        jwt,
        'password=',
        'token: "',
        'https://a:b@c',
        '"secret":"x"',
        "'",
        '"',
        '\\',
        ' ',
        '@',
        '***',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const once = mask(pieces.join(''));
        expect(mask(once)).toBe(once);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps JSON valid JSON with the same keys, as log lines must stay', () => {
    const part = fc.oneof(
      fc.string(),
      fc.constantFrom(
        slack,
        jwt,
        pem('', 'MI'),
        '-----BEGIN PRIVATE KEY-----',
        'password=',
        'token: "',
        '://a:',
        '@',
        'https://',
        '"',
        '\\',
        '{"secret":"x"}',
      ),
    );
    const line = fc.dictionary(
      fc.constantFrom('message', 'token', 'pod', 'password', 'a"b', 'x\\'),
      fc.oneof(
        fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
      ),
    );
    fc.assert(
      fc.property(line, fc.string({ minLength: 8 }), (value, known) => {
        fc.pre(!/[",:{}]|^[0-9.]+$/.test(known));
        const shown = secretMasker([known])(JSON.stringify(value));
        expect(Object.keys(JSON.parse(shown) as object)).toHaveLength(Object.keys(value).length);
      }),
      { numRuns: 1000 },
    );
  });

  // A quadratic expression would need hours for these, and the test would run into its time limit.
  it.each([
    'eyJ',
    'eyJaaaaaa.',
    'eyJ-',
    'password=',
    'password="',
    'password=\\"',
    "token:'",
    '://a:',
    'https://',
    'https://a',
    'bearer ',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----"',
    '-----BEGIN PRIVATE KEY----- -----END PRIVATE KEY-----',
    '-----END ',
    '-----BEGIN PRIVATE KEY-----\\\\',
    'xoxb-',
    'xoxb-aaaaaaaa',
    'a',
    'token',
    'token_',
    'a_',
    'a-',
    '--token ',
    'authorization: bearer ',
    '\\',
    '"',
    ' ',
    'ya29.',
  ])('takes long text of %j in its stride', (piece) => {
    const text = piece.repeat(Math.ceil(500_000 / piece.length));
    expect(typeof secretMasker(['aaaaaaaa', 'hunter2'])(text)).toBe('string');
  });
});
