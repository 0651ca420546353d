// Every action kind, by name. A test compares this list with the files of the folder.
import type { ActionKind } from './kind.ts';
import { patchTemplate } from './patch-template.ts';
import { resizeContainer } from './resize-container.ts';

export const ACTION_KINDS: ReadonlyMap<string, ActionKind> = new Map(
  [resizeContainer, patchTemplate].map((kind) => [kind.kind, kind]),
);
