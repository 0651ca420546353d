// The files of prompts/<duty> as they lie in the source. The build puts their texts in the place of this module into the bundle of a
// duty (shared/local/embedded.ts): keep its one export.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const PROMPTS = path.resolve(import.meta.dirname, '../../prompts');

/** The text of prompts/<duty>/<prompt>.md; fails when there is none. */
export async function shippedPrompt(duty: string, prompt: string): Promise<string> {
  return readFile(path.join(PROMPTS, duty, `${prompt}.md`), 'utf8');
}
