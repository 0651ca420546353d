// Hostile text in every place where foreign text enters a run, with a model that obeys it fully: judgement and changes stay the same
// to the byte, and nothing that is posted pings, links or formats at the attacker's will.
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadScenario, type Scenario } from '../../fixtures/platform/scenario.ts';
import { markdown } from '../../shared/adapters/bitbucket/markdown.ts';
import { adfDocument } from '../../shared/adapters/jira/adf.ts';
import { renderMessage } from '../../shared/adapters/slack/blocks.ts';
import type { Block, Line } from '../../shared/core/document.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { CanonicalReport } from '../../shared/core/report.ts';
import { checkWording } from '../../shared/core/wording/check.ts';
import type { Evidence } from '../../shared/core/wording/evidence.ts';
import { openScenario } from '../../shared/local/scenario.ts';
import { estimatedTokens, fenced, plainLine } from '../../shared/prompt/foreign-text.ts';
import { CATEGORIES, TEXTS } from './hostile/corpus.ts';
import { harmOfDocument, harmOfMarkdown, harmOfSlack } from './hostile/outward.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');
const BENIGN = 'is replaced in May';
const REASON_CHARACTERS = 500;

/** The texts as annotations and labels of all objects, as messages of states, and as the reason of a known issue. */
function withTexts(scenario: Scenario, texts: readonly string[]): Scenario {
  const named = Object.fromEntries(texts.map((text, index) => [`nightshift.dev/note-${String(index)}`, text]));
  const objects = scenario.cluster.objects.map((object) => {
    const status = object.kind === 'Pod' ? (object['status'] as JsonObject | undefined) : undefined;
    return {
      ...object,
      metadata: {
        ...object.metadata,
        annotations: { ...(object.metadata['annotations'] as JsonObject | undefined), ...named },
        labels: { ...(object.metadata['labels'] as JsonObject | undefined), ...named },
      },
      ...(status === undefined ? {} : { status: { ...status, message: texts.join(' '), reason: texts[0] ?? '' } }),
    };
  });
  const series = scenario.series.map((one) => ({ ...one, labels: { ...one.labels, note: texts[0] ?? '' } }));
  return { ...scenario, cluster: { ...scenario.cluster, objects }, series };
}

async function runWith(texts: readonly string[], reason: string) {
  const loaded = loadScenario(FOLDER);
  const known = { id: 'OPS-1', subject: { pod: 'auth-*' }, reason: reason.slice(0, REASON_CHARACTERS) };
  const policy = { ...loaded.policy, model: { ollama: {} }, knownIssues: [known] } as unknown as JsonObject;
  const scenario = await openScenario({ ...withTexts(loaded, texts), policy }, { duty: 'rebalance' });
  try {
    const { ollama, slack, jira } = scenario.platform.doubles;
    ollama.say(texts.map((text) => ({ text })));
    const result = await scenario.run();
    if (result.kind === 'busy') {
      throw new Error('The scope was busy.');
    }
    return {
      report: result.report,
      messages: slack.state().messages,
      issues: JSON.stringify(jira.state()).replaceAll(/127\.0\.0\.1:[0-9]+/g, 'platform'),
      prompts: ollama.asked.map(({ messages }) => messages.map(({ content }) => content).join('\n')),
    };
  } finally {
    await scenario.close();
  }
}

/** Decisions and actions without the reason that policy itself gives. */
function judgement({ decisions, actions }: CanonicalReport): string {
  const known = 'rebalance/known-issue';
  return JSON.stringify({
    decisions: decisions.map((one) => (one.rule === known ? { ...one, reason: '', evidence: {} } : one)),
    actions,
  });
}

test('the corpus has two hundred texts and more, each once', () => {
  expect(TEXTS.length).toBeGreaterThanOrEqual(200);
  expect(new Set(TEXTS).size).toBe(TEXTS.length);
});

describe('with a model that obeys', () => {
  test.each(CATEGORIES)('%s change no decision, action or issue, and post nothing of their own', async (_, texts) => {
    const clean = await runWith([BENIGN], BENIGN);
    const attacked = await runWith(texts, texts[0] ?? '');

    expect(judgement(attacked.report)).toBe(judgement(clean.report));
    expect(attacked.issues).toBe(clean.issues);
    expect(attacked.report.run.words?.by).toBe('template');
    expect(attacked.report.run.analysis?.by).toBe('template');
    expect(attacked.messages.flatMap(({ text, blocks }) => harmOfSlack(text, blocks ?? []))).toEqual([]);
    for (const prompt of attacked.prompts) {
      expect(prompt).not.toMatch(/[\p{Cf}]/u);
    }
  });
});

/** A text in every kind of block, as the whole of it and beside our own words. */
function blocksWith(text: string): readonly Block[] {
  const line: Line = [{ text: 'Ours: ', style: 'bold' }, { text }, { text, style: 'code' }];
  return [
    { kind: 'paragraph', line: [{ text }] },
    { kind: 'paragraph', line },
    {
      kind: 'paragraph',
      line: [{ issue: 'none', text }],
    },
    { kind: 'list', lines: [[{ text }], line] },
    { kind: 'code', text },
    { kind: 'table', header: [text, 'b'], rows: [[text, text]] },
  ];
}

describe.each(CATEGORIES)('what leaves of %s', (_, texts) => {
  test('in Slack, Jira and Bitbucket pings nobody, leads nowhere and formats nothing', () => {
    const harm = texts.flatMap((text) => {
      const blocks = blocksWith(`zzhostile ${text}`).concat(blocksWith(text));
      const { text: fallback, blocks: shown } = renderMessage({ title: text, blocks }, {});
      return [
        ...harmOfSlack(fallback, shown),
        ...harmOfDocument(adfDocument(blocks)),
        ...harmOfMarkdown(markdown(blocks, 'marker')),
      ].map((one) => `${text.slice(0, 60)}: ${one.slice(0, 300)}`);
    });

    expect(harm).toEqual([]);
  });
});

const NOTHING: Evidence = { names: [], facts: [], lines: [], items: [], links: [] };

test('not one of the texts passes as words about evidence that does not bear it out', () => {
  expect(TEXTS.filter((text) => checkWording(text, NOTHING).ok)).toEqual([]);
});

test('no text closes its fence, keeps an invisible character, or is longer than its line', () => {
  for (const text of TEXTS) {
    const line = plainLine(text);
    const [first = '', ...rest] = fenced(line).split('\n');
    const mark = first.replace('<<<', '');
    expect(rest.join('\n').split(mark)).toHaveLength(2);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect([...line].length).toBeLessThanOrEqual(322);
    expect(estimatedTokens(line)).toBeLessThanOrEqual(400);
  }
});
