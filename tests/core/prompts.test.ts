// Every prompt that ships: its form, its placeholders against its inputs, its length, and what a wrong one is told.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Evidence, EvidenceItem } from '../../shared/core/wording/evidence.ts';
import { fillPrompt, MOST_PROMPT_TOKENS } from '../../shared/prompt/fill.ts';
import { parsePrompt } from '../../shared/prompt/prompt.ts';

const ROOT = path.resolve(import.meta.dirname, '../../prompts');
const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'));
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

function evidence(count: number): Evidence {
  const item = (index: number): EvidenceItem => ({
    names: [`pod-${String(index)}`],
    facts: [],
    states: [],
    deeds: [],
    line: `pod-${String(index)}: changed. OOM-killed 4 times in 24h: memory limit 1Gi → ${String(1000 + index)}Mi.`,
  });
  return {
    names: [],
    facts: [],
    lines: ['Namespace shop: 40 pods scanned.'],
    items: Array.from({ length: count }, (_, index) => item(index)),
    links: [],
  };
}

describe.each(files)('prompts/%s', (file) => {
  test('is a prompt of that name', () => {
    expect(`${parsePrompt(read(file), file).id}.md`).toBe(file);
  });

  test('stays within its tokens whatever the evidence, and cuts it at the end of a line', () => {
    const filled = fillPrompt(parsePrompt(read(file), file), evidence(40));

    expect(filled.tokens).toBeLessThanOrEqual(MOST_PROMPT_TOKENS);
    expect(filled.leftOut).toBeGreaterThan(0);
    const user = filled.messages.at(-1)?.content ?? '';
    expect(user).toContain(`(${String(filled.leftOut)} more left out)`);
    expect(
      user
        .split('\n')
        .filter((line) => line.startsWith('- pod-'))
        .every((line) => line.endsWith('Mi.')),
    ).toBe(true);
  });
});

test.each([
  ['no front matter', (text: string) => text.replace('---', ''), 'no front matter'],
  [
    'a missing section',
    (text: string) => text.replace('# Output', '## Output'),
    'expected Role, Task, Evidence, Output',
  ],
  [
    'a placeholder that is no input',
    (text: string) => text.replace('{{facts}}', '{{fact}}'),
    'placeholders fact, overview',
  ],
  [
    'foreign text outside of the evidence',
    (text: string) => text.replace('# Task\n', '# Task\n{{facts}}'),
    'Task: facts',
  ],
  ['an unknown tier', (text: string) => text.replace('tier: summary', 'tier: huge'), 'tier'],
])('a prompt with %s is refused', (_, change, said) => {
  expect(() => parsePrompt(change(read('rebalance/summary.md')), 'summary.md')).toThrow(said);
});
