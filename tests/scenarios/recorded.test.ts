// Scenario folders that hold facts instead of a platform (`nightshift export` makes them): decide and report alone judge them again.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { findDuties } from '../../shared/local/duties.ts';
import { isRecordedCase, readRecordedCase, rulesOf } from '../../shared/local/recorded-case.ts';
import { firstDifference, judgeAgain } from '../../shared/runtime/replay.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures');
const UPDATE = process.env['UPDATE'] === '1';

const cases = (await findDuties()).flatMap(({ duty }) => {
  const place = path.join(FIXTURES, duty.name);
  const folders = existsSync(place) ? readdirSync(place).map((name) => path.join(place, name)) : [];
  return folders.filter(isRecordedCase).map((folder) => ({ name: path.relative(FIXTURES, folder), folder, duty }));
});

describe('recorded cases', () => {
  test('are there', () => {
    expect(cases.map(({ name }) => name)).toContain('rebalance/recorded-challenge');
  });

  test.each(cases)('$name ends as written down', ({ folder, duty }) => {
    const { why, scope, expect: expected, input } = readRecordedCase(folder, duty);
    expect(why).not.toMatch(/Say here what it shows/);
    const judged = judgeAgain(duty, input);
    expect(rulesOf(judged, scope)).toEqual(expected);
    const file = path.join(folder, 'expected', 'report.json');
    if (UPDATE) {
      writeFileSync(file, `${JSON.stringify(judged, undefined, 1)}\n`);
    }
    expect(firstDifference(JSON.parse(readFileSync(file, 'utf8')), judged)).toBeUndefined();
  });

  test.each(cases)('$name holds no address of the systems that it was recorded on', ({ folder }) => {
    expect(readFileSync(path.join(folder, 'case.yaml'), 'utf8')).not.toMatch(/https?:\/\//);
  });
});
