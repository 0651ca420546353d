// The shipped signatures: examples match, near-misses do not, every pattern is cheap; and the classifier over logs of many CI systems.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseSignatures, provenSignatures, readCatalogue } from '../../../shared/config/signatures.ts';
import { FileError } from '../../../shared/config/yaml-source.ts';
import { explainLog } from '../../../shared/core/log/explain.ts';

const root = path.join(import.meta.dirname, '../../..');
const folder = path.join(root, 'functions/pipeline-retry/signatures');
const logs = path.join(root, 'fixtures/ci-logs');
const catalogue = await readCatalogue('pipeline-retry');

interface Label {
  readonly verdict: string;
  readonly category?: string;
  readonly why: string;
}

const labels = parse(readFileSync(path.join(logs, 'labels.yaml'), 'utf8')) as Readonly<Record<string, Label>>;

describe('the shipped signatures', () => {
  it.each(readdirSync(folder))('%s: examples are matched, near-misses are not', (name) => {
    const file = provenSignatures(readFileSync(path.join(folder, name), 'utf8'), name);
    expect(`${file.category}.yaml`).toBe(name);
  });

  it('name authentication, missing variables and images that are not there as regular', () => {
    const transient = new Set(catalogue.signatures.filter((one) => one.isTransient).map(({ category }) => category));
    for (const category of ['authentication', 'missing-variable', 'image-not-found', 'compile', 'lint', 'test']) {
      expect(transient.has(category), category).toBe(false);
    }
  });
});

describe('explainLog on logs that a person judged', () => {
  it.each(Object.entries(labels))('%s', (name, { verdict }) => {
    expect(explainLog(readFileSync(path.join(logs, `${name}.log`), 'utf8'), catalogue).verdict).toBe(verdict);
  });

  it('has a label for each log and a log for each label', () => {
    const files = readdirSync(logs).filter((name) => name.endsWith('.log'));
    expect(files.map((name) => name.slice(0, -'.log'.length)).sort()).toEqual(Object.keys(labels).sort());
  });
});

describe.each(['transient', 'regular'])('explainLog on ends of %s logs', (label) => {
  const excerpts = parse(readFileSync(path.join(logs, 'excerpts', `${label}.yaml`), 'utf8')) as Readonly<
    Record<string, { readonly log: string; readonly verdict?: string }>
  >;

  it.each(Object.entries(excerpts))('%s', (_, { log, verdict = label }) => {
    expect(explainLog(log, catalogue).verdict).toBe(verdict);
  });
});

describe('what stands beside the job', () => {
  it.each([
    'getaddrinfo EAI_AGAIN postgres',
    'could not translate host name "db" to address: Name or service not known',
    'Error 111 connecting to redis:6379. Connection refused.',
    'dial tcp: lookup mysql on 10.96.0.10:53: no such host',
  ])('is its own: %s', (line) => {
    expect(explainLog(`+ npm test\n${line}\n`, catalogue).verdict).not.toBe('transient');
  });

  it.each(['getaddrinfo EAI_AGAIN registry.acme.dev', 'dial tcp: lookup docker on 10.96.0.10:53: no such host'])(
    'is not: %s',
    (line) => {
      expect(explainLog(`+ docker build .\nnpm error ${line}\n`, catalogue).verdict).toBe('transient');
    },
  );
});

describe('the order of errors', () => {
  const reset = 'curl: (56) Recv failure: Connection reset by peer';
  const assertion = 'Tests:       1 failed, 41 passed, 42 total';

  it('takes a network error that came before a failed test for survived', () => {
    expect(explainLog(`${reset}\n${assertion}\n`, catalogue)).toMatchObject({ verdict: 'regular', category: 'test' });
  });

  it('does not run again when a network error follows a failed test', () => {
    expect(explainLog(`${assertion}\n${reset}\n`, catalogue).verdict).toBe('unknown');
  });

  it('takes the network error alone as the cause', () => {
    expect(explainLog(`${reset}\n`, catalogue)).toMatchObject({ verdict: 'transient', category: 'network' });
  });

  it('sees a full disk behind the compiler that it fails', () => {
    const text = 'error: failed to write: No space left on device (os error 28)\nerror: could not compile `shop`\n';
    expect(explainLog(text, catalogue)).toMatchObject({ verdict: 'transient', category: 'agent-disk' });
  });

  it.each([
    ["acme.errors.InstallError: ERROR: Couldn't install package", 'transient'],
    ["TypeError: Cannot read properties of undefined (reading 'x')", 'unknown'],
  ])('asks what broke beside an exception: %s', (exception, verdict) => {
    const text = `+ make install\n${exception}\n  ProtocolError: Connection reset by peer\n`;
    expect(explainLog(text, catalogue).verdict).toBe(verdict);
  });

  it.each([
    'error: failed to write: No space left on device (os error 28)\nerror: could not compile `shop`\n',
    'tar: dist/app.js: No space left on device\n',
  ])('shows a full disk before the code 137 that the job ended with', (text) => {
    const found = explainLog(`$ make\n${text}ERROR: Job failed: exit code 137\n`, catalogue);
    expect(found).toMatchObject({ verdict: 'transient', category: 'agent-disk' });
    expect(found.lines[0]?.number).toBe(2);
  });

  it('counts lines of the raw log, progress and section marks included', () => {
    const text = `section_start:1:step_script\r\u001b[0KRun\r\nfetching 10%\rfetching 90%\r\n\u001b[31m${reset}\u001b[0m\r\n`;
    expect(explainLog(text, catalogue, 101).lines[0]).toEqual({ number: 103, text: reset });
  });
});

describe('explainLog on anything', () => {
  it('never throws, and shows only lines of the log', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('##[error]x', '##[group]Run x', 'ERROR: Job failed: exit code 1', '$ make', 'Finished: FAILURE'),
      fc.constantFrom(...catalogue.signatures.flatMap(({ signature }) => signature.examples)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('\n');
        const count = text.split('\n').length;
        const { lines, verdict, signature } = explainLog(text, catalogue);
        expect(lines.length).toBeLessThanOrEqual(60);
        expect(lines.every(({ number }) => number >= 1 && number <= count)).toBe(true);
        expect(signature === undefined).toBe(verdict === 'unknown');
      }),
    );
  });
});

describe('a file of signatures', () => {
  const file = (pattern: string): string =>
    `category: own\nrerun: helps\nwhy: A cause of our own platform\nsignatures:\n  - id: one\n    patterns: ['${pattern}']\n    examples: [frobnicator lost]\n`;

  function problemOf(text: string, read = parseSignatures): string {
    try {
      read(text, 'own.yaml');
    } catch (error) {
      expect(error).toBeInstanceOf(FileError);
      return (error as FileError).message;
    }
    return expect.fail('the file was accepted');
  }

  it.each([
    ['(a+)+lost', 'a repeated group'],
    ['(?:lost|lost)*x', 'a repeated group'],
    ['(?=lost)', 'look-around'],
    ['.*lost.*lost.*lost.*x', 'multiply'],
    ['error|frobnicator', 'tells a cause'],
    ['fail(?:ed|ure)?', 'tells a cause'],
    ['\\d+', 'a word of at least'],
    ['lost[', 'never closed'],
  ])('with the pattern %s is refused: %s', (pattern, why) => {
    expect(problemOf(file(pattern))).toContain(why);
    expect(problemOf(file(pattern))).toMatch(/^own\.yaml:6:\d+: signatures\[0\]\.patterns\[0\]/);
  });

  it('with an example that is not matched is told by its line', () => {
    expect(problemOf(file('frobnicator found'), provenSignatures)).toBe(
      'own.yaml:7:16: signatures[0].examples[0]: is an example, and is not matched',
    );
  });
});
