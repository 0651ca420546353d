// A prompt as a file: front matter and sections, checked before it is used. Holds no logic: placeholders stand for inputs.
import { z } from 'zod';
import { checkedValue } from '../config/problems.ts';
import { parseYaml } from '../config/yaml-source.ts';
import { ConfigurationError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';

/** What a reply may be bound to: an object of short strings and closed choices, which a grammar keeps a small model to. */
const Reply = z.lazy(() =>
  z.strictObject({
    type: z.literal('object'),
    properties: z.record(
      z.string(),
      z.union([
        z.strictObject({ type: z.literal('string'), maxLength: z.int().min(1).max(2000) }),
        z.strictObject({ type: z.literal('string'), enum: z.array(z.string()).min(1) }),
      ]),
    ),
    required: z.array(z.string()).min(1),
    additionalProperties: z.literal(false),
  }),
);

export const FrontMatter = z.lazy(() =>
  z.strictObject({
    id: z.string().regex(/^[a-z-]+\/[a-z-]+$/, 'duty and prompt, such as rebalance/summary'),
    version: z.int().min(1).describe('Raised with each change, and kept with every reply'),
    purpose: z.string().min(10),
    tier: z.enum(['summary', 'analysis']).describe('Which model of the policy is asked'),
    inputs: z.record(z.string().regex(/^[a-z][a-zA-Z]*$/), z.string().min(1)),
    reply: Reply,
  }),
);
export type FrontMatter = z.infer<typeof FrontMatter>;

export const SECTIONS = ['Role', 'Task', 'Evidence', 'Output', 'When the evidence does not tell'] as const;
export type Section = (typeof SECTIONS)[number];

export interface Prompt extends FrontMatter {
  readonly sections: Readonly<Record<Section, string>>;
}

const REMEDY = 'Correct the file; docs/model.md explains the form of a prompt.';
const PLACEHOLDER = /\{\{([a-zA-Z]+)\}\}/g;

/** Reads a prompt from its text. Fails with a ConfigurationError that names what is wrong and where. */
export function parsePrompt(source: string, file: string): Prompt {
  const [, front, body] = /^---\n(.*?)\n---\n(.*)$/s.exec(source) ?? [];
  if (front === undefined || body === undefined) {
    throw new ConfigurationError(`${file} has no front matter between two lines of ---.`, { remedy: REMEDY });
  }
  const matter = checkedValue(FrontMatter, parseYaml(front, file, REMEDY), file, { remedy: REMEDY });
  const parts = body.split(/^# /m).slice(1);
  const sections = parts.map((part) => [
    part.slice(0, part.indexOf('\n')).trim(),
    part.slice(part.indexOf('\n')).trim(),
  ]);
  const titles = sections.map(([title]) => title);
  if (titles.join('|') !== SECTIONS.join('|')) {
    throw new ConfigurationError(`${file} has the sections ${titles.join(', ')}; expected ${SECTIONS.join(', ')}.`, {
      remedy: REMEDY,
    });
  }
  const prompt: Prompt = { ...matter, sections: Object.fromEntries(sections) as Record<Section, string> };
  const used = placeholdersOf(prompt);
  const given = Object.keys(prompt.inputs).sort();
  if (used.join() !== given.join()) {
    throw new ConfigurationError(
      `${file} uses the placeholders ${used.join(', ')} and declares the inputs ${given.join(', ')}.`,
      { remedy: `Foreign text goes into Evidence alone. ${REMEDY}` },
    );
  }
  return prompt;
}

/** Placeholders of the evidence, sorted; the other sections hold none, or foreign text would stand beside our own words. */
function placeholdersOf({ sections }: Prompt): readonly string[] {
  return SECTIONS.flatMap((section) =>
    [...sections[section].matchAll(PLACEHOLDER)].map(([, name = '']) =>
      section === 'Evidence' ? name : `${section}: ${name}`,
    ),
  ).sort();
}

/** The evidence section with its placeholders filled. A value is text and is not looked into again. */
export function filledEvidence({ sections }: Prompt, inputs: Readonly<Record<string, string>>): string {
  return sections.Evidence.replaceAll(PLACEHOLDER, (_, name: string) => inputs[name] ?? '');
}

/** The JSON schema that a reply is bound to. */
export function replySchema({ reply }: Prompt): JsonObject {
  return reply as unknown as JsonObject;
}
