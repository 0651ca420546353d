// Every action kind, by name. A test compares this list with the files of the folder.
import type { ActionKind } from './kind.ts';
import { patchTemplate } from './patch-template.ts';
import { rerunPipeline } from './rerun-pipeline.ts';
import { resizeContainer } from './resize-container.ts';
import { stopPipeline } from './stop-pipeline.ts';

export const ACTION_KINDS: ReadonlyMap<string, ActionKind> = new Map(
  [resizeContainer, patchTemplate, rerunPipeline, stopPipeline].map((kind) => [kind.kind, kind]),
);
