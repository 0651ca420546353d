import { describe, expect, test } from 'vitest';
import { readRuleHeader, ruleOrder } from '../../scripts/rule-header.ts';

const SOURCE = `// When:   the sky is
//         falling
// Then:   escalate
// Unless: it is Tuesday
// Why:    nobody else looks up
// A remark of its own.
import { x } from './x.ts';
// Then:   this is code already
`;

describe('the header of a rule file', () => {
  test('gives its four parts, each over as many lines as it takes', () => {
    expect(readRuleHeader('functions/sky/rules/escalate-fall.ts', SOURCE)).toEqual({
      name: 'escalate-fall',
      file: 'functions/sky/rules/escalate-fall.ts',
      when: 'the sky is falling',
      then: 'escalate',
      unless: 'it is Tuesday',
      why: 'nobody else looks up',
    });
  });

  test('is refused when a part is missing, by name', () => {
    const source = SOURCE.replace('// Unless: it is Tuesday\n', '');
    expect(() => readRuleHeader('rules/a.ts', source)).toThrow('rules/a.ts does not say Unless');
  });

  test('puts rules into the order of a reader, and those of one kind by name', () => {
    const names = ['healthy', 'hold-b', 'page-owner', 'no-data', 'hold-a', 'raise-x'];
    const headers = names.map((name) => readRuleHeader(`rules/${name}.ts`, SOURCE));
    expect(headers.sort(ruleOrder).map(({ name }) => name)).toEqual([
      'no-data',
      'raise-x',
      'hold-a',
      'hold-b',
      'page-owner',
      'healthy',
    ]);
  });
});
