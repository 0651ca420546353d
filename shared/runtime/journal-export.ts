// The journal as lines of canonical JSON, for an archive that nobody here can rewrite, and such lines read back as a witness.
import { z } from 'zod';
import { CallerError } from '../core/errors.ts';
import { canonicalJson } from '../core/json.ts';
import type { Store } from '../ports/store.ts';
import type { Witness } from './audit.ts';
import { entriesOf, journalScopes } from './journal-chain.ts';

/** One line an entry, scope by scope in the order of the chain; `since` (ISO) leaves out what was written before. */
export async function* exportedLines(
  store: Store,
  { scope, since }: { readonly scope?: string; readonly since?: string } = {},
): AsyncGenerator<string, undefined> {
  const from = since === undefined ? '' : new Date(since).toISOString();
  for (const one of scope === undefined ? await journalScopes(store) : [scope]) {
    for await (const { data } of entriesOf(store, one)) {
      if (data.at >= from) {
        yield printed(canonicalJson(data));
      }
    }
  }
  return undefined;
}

/** Terminals and pipes may drop these; escaped they are the same JSON, and whoever reads it gets the same hash. */
function printed(json: string): string {
  return json.replaceAll(
    /[\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const ExportedEntry = z.looseObject({ scope: z.string(), sequence: z.int(), hash: z.string() });

/** Reads exported lines; what they say is not judged here. Fails with a CallerError that names the line. */
export function readWitness(text: string, source: string): Witness {
  const witness = new Map<string, Map<number, string>>();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') {
      return;
    }
    const entry = ExportedEntry.safeParse(parsed(line));
    if (!entry.success) {
      throw new CallerError(`Line ${String(index + 1)} of ${source} is no journal entry.`, {
        field: '--against',
        remedy: 'It takes a file that `nightshift audit export` wrote.',
      });
    }
    const { scope, sequence, hash } = entry.data;
    witness.set(scope, (witness.get(scope) ?? new Map<number, string>()).set(sequence, hash));
  });
  return witness;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
