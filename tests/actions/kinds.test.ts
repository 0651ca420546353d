// The list of action kinds is the folder: a file that is not in it would never be executed, verified or killed in tests.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ACTION_KINDS } from '../../shared/actions/kinds.ts';
import type { ActionKind } from '../../shared/actions/kind.ts';
import { readCapabilities } from '../../shared/config/capabilities.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../shared/actions');

function isKind(value: unknown): value is ActionKind {
  return typeof value === 'object' && value !== null && 'kind' in value && 'look' in value && 'apply' in value;
}

test('every action kind of the folder is in the list, and a capability serves it', async () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ts'));
  const modules = (await Promise.all(files.map((name) => import(path.join(FOLDER, name))))) as Record<
    string,
    unknown
  >[];
  const kinds = modules.flatMap((module) => Object.values(module)).filter(isKind);
  expect(kinds.map((kind) => kind.kind).sort()).toEqual([...ACTION_KINDS.keys()].sort());
  const served = [...(await readCapabilities()).values()].flatMap((capability) => capability.actionKinds);
  expect([...ACTION_KINDS.keys()].filter((kind) => !served.includes(kind))).toEqual([]);
});
