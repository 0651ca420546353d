// How checks run together: deadlines, what a dead system hides, the judgement of clocks, and how findings are shown.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError, PlatformError } from '../../shared/core/errors.ts';
import {
  type Check,
  clockResult,
  derived,
  listed,
  ok,
  once,
  renderFindings,
  runChecks,
} from '../../shared/local/cli/doctor-check.ts';

function passing(name: string): Check {
  return { name, run: () => Promise.resolve([ok('fine')]) };
}

function failing(name: string, error: Error): Check {
  return { name, run: () => Promise.reject(error) };
}

function platformError(status?: number): PlatformError {
  return new PlatformError(
    {
      system: 'Test',
      operation: 'look',
      target: 'thing',
      applied: 'no',
      ...(status === undefined ? {} : { status }),
    },
    'it said no',
    { remedy: 'Ask nicely.' },
  );
}

describe('checks of one system', () => {
  it('gives every finding in order, with the remedy of a failure', async () => {
    const findings = await runChecks([
      { system: 'A', first: passing('first'), others: [failing('second', platformError(403)), passing('third')] },
    ]);
    expect(findings).toEqual([
      { system: 'A', check: 'first', level: 'ok', detail: 'fine' },
      {
        system: 'A',
        check: 'second',
        level: 'failure',
        detail: 'Test: look (thing) failed: it said no.',
        remedy: 'Ask nicely.',
      },
      { system: 'A', check: 'third', level: 'ok', detail: 'fine' },
    ]);
  });

  it.each([
    ['nobody answers', platformError()],
    ['the answer is broken', platformError(200)],
    ['the credentials are refused', platformError(401)],
    ['the settings are wrong', new ConfigurationError('No kubeconfig was found.')],
  ])('does not ask on when %s', async (_, error) => {
    let asked = 0;
    const counting: Check = {
      name: 'second',
      run: () => {
        asked += 1;
        return Promise.resolve([ok('fine')]);
      },
    };
    const findings = await runChecks([{ system: 'A', first: failing('first', error), others: [counting] }]);
    expect(findings.map(({ check, level }) => [check, level])).toEqual([
      ['first', 'failure'],
      ['the rest', 'skipped'],
    ]);
    expect(findings[1]?.detail).toContain('second');
    expect(asked).toBe(0);
  });

  it('asks on when the system answered and only refused the first question', async () => {
    const findings = await runChecks([
      { system: 'A', first: failing('first', platformError(403)), others: [passing('second')] },
    ]);
    expect(findings.map(({ level }) => level)).toEqual(['failure', 'ok']);
  });

  it('keeps a dead system from hiding another', async () => {
    const findings = await runChecks([
      { system: 'A', first: failing('first', platformError()), others: [] },
      { system: 'B', first: passing('first'), others: [] },
    ]);
    expect(findings.map(({ system, level }) => [system, level])).toEqual([
      ['A', 'failure'],
      ['B', 'ok'],
    ]);
  });

  it('says "not known" for a check over an answer that never came', async () => {
    const answer = once(() => Promise.reject<number>(platformError(403)));
    const findings = await runChecks([
      {
        system: 'A',
        first: { name: 'first', run: async () => [ok(String(await answer()))] },
        others: [{ name: 'second', run: () => derived(answer, () => [ok('never')]) }],
      },
    ]);
    expect(findings.map(({ level }) => level)).toEqual(['failure', 'skipped']);
  });
});

describe('deadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives each check its own, so that one that hangs is a failure beside the others', async () => {
    const hanging: Check = { name: 'hangs', run: () => new Promise(() => undefined) };
    const pending = runChecks([{ system: 'A', first: passing('first'), others: [hanging, passing('third')] }], 5);
    await vi.advanceTimersByTimeAsync(5000);
    const findings = await pending;
    expect(findings.map(({ check, level }) => [check, level])).toEqual([
      ['first', 'ok'],
      ['hangs', 'failure'],
      ['third', 'ok'],
    ]);
    expect(findings[1]?.detail).toContain('no answer within 5 s');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('clocks', () => {
  const at = (iso: string): Date => new Date(iso);
  const before = at('2026-03-04T10:00:00.000Z');

  it.each([
    ['2026-03-04T10:00:30Z', 'ok'],
    ['2026-03-04T10:00:31Z', 'warning'],
    ['2026-03-04T09:59:29Z', 'ok'],
    ['2026-03-04T09:59:28Z', 'warning'],
  ])('judges a server at %s as %s', (theirs, level) => {
    expect(clockResult(theirs, before, before).level).toBe(level);
  });

  it('tells by how much and in which direction', () => {
    expect(clockResult('2026-03-04T10:05:00Z', before, before).detail).toBe('its clock is 300 s ahead of ours');
    expect(clockResult('2026-03-04T09:54:59Z', before, before).detail).toBe('its clock is 300 s behind ours');
  });

  it('does not blame the server for a slow reply', () => {
    expect(clockResult('2026-03-04T10:00:40Z', before, at('2026-03-04T10:01:00Z')).level).toBe('ok');
  });

  it('warns when the server tells no time', () => {
    expect(clockResult(null, before, before).level).toBe('warning');
  });
});

describe('words', () => {
  it('lists a few names and counts the rest', () => {
    expect(listed(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
    expect(listed(['a', 'b'], 2)).toBe('a, b');
  });

  it('shows a line for each finding, the remedy below, and nothing that would move the cursor', () => {
    const text = renderFindings([
      { system: 'A', check: 'x', level: 'ok', detail: 'fine' },
      { system: 'Slack', check: 'token', level: 'failure', detail: 'bad \u001b[2Jnews', remedy: 'Do this.' },
    ]);
    expect(text.split('\n').map((line) => line.trimEnd())).toEqual([
      '   system  check  found',
      '✓  A       x      fine',
      '✗  Slack   token  bad news',
      '                  → Do this.',
    ]);
  });
});
