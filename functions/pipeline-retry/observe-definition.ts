// What the pipeline file says of one definition: whether a run of it deploys or waits for a person, and which steps retry themselves.
// Text in, facts out; what cannot be read is `null`, never "no".
import { parse } from 'yaml';
import type { CiSelector } from '../../shared/ports/ci.ts';

export interface DefinitionFacts {
  /** `null`: it cannot be told. */
  readonly deploys: boolean | null;
  /** Names of steps with `on-fail: { strategy: retry }`. */
  readonly retried: readonly string[];
}

const UNREADABLE: DefinitionFacts = { deploys: null, retried: [] };
/** Aliases may blow a small file up: https://en.wikipedia.org/wiki/Billion_laughs_attack */
const MOST_ALIASES = 100;
const MOST_STEPS = 2000;

type Node = Readonly<Record<string, unknown>>;

/** Reads `text` (undefined: there is no file at that commit) for the definition that `selector` names. */
export function definitionFacts(text: string | undefined, selector: CiSelector | null): DefinitionFacts {
  const pipelines = sectionOf(text, 'pipelines');
  if (pipelines === undefined) {
    return UNREADABLE;
  }
  const definition = selector === null ? undefined : definitionOf(pipelines, selector);
  // Which definition it followed is not known: then all of them count.
  const steps = stepsOf(definition ?? pipelines);
  const retried = steps.filter(retries).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  if (steps.length === 0 || steps.length > MOST_STEPS || hasImport(definition ?? pipelines)) {
    return { deploys: null, retried };
  }
  const deploys = steps.some((step) => step['deployment'] !== undefined || step['trigger'] === 'manual');
  // One that deploys among several says nothing of the one that ran.
  return { deploys: deploys && definition === undefined ? null : deploys, retried };
}

function sectionOf(text: string | undefined, name: string): Node | undefined {
  if (text === undefined) {
    return undefined;
  }
  let file: unknown;
  try {
    file = parse(text, { merge: true, maxAliasCount: MOST_ALIASES, logLevel: 'silent' });
  } catch {
    return undefined;
  }
  const section = isNode(file) ? file[name] : undefined;
  return isNode(section) ? section : undefined;
}

function definitionOf(pipelines: Node, { type, pattern }: CiSelector): unknown {
  const section = Object.hasOwn(pipelines, type) ? pipelines[type] : undefined;
  if (pattern === null) {
    return section;
  }
  return isNode(section) && Object.hasOwn(section, pattern) ? section[pattern] : undefined;
}

/** All steps below, those of stages and parallel groups included; a stage's own settings count as a step of their own. */
function stepsOf(node: unknown): readonly Node[] {
  const found: Node[] = [];
  const open: unknown[] = [node];
  while (open.length > 0 && found.length <= MOST_STEPS) {
    const next = open.pop();
    if (Array.isArray(next)) {
      open.push(...(next as unknown[]));
    } else if (isNode(next)) {
      for (const [key, value] of Object.entries(next)) {
        if (key === 'step' && isNode(value)) {
          found.push(value);
        } else if (key === 'stage' && isNode(value)) {
          found.push(value);
          open.push(value['steps']);
        } else {
          open.push(value);
        }
      }
    }
  }
  return found;
}

function retries(step: Node): boolean {
  const onFail = step['on-fail'];
  return isNode(onFail) && onFail['strategy'] === 'retry';
}

/** A definition that another repository holds is not in this file. */
function hasImport(node: unknown): boolean {
  return (
    isNode(node) &&
    (Object.hasOwn(node, 'import') ||
      Object.values(node).some((value) => isNode(value) && Object.hasOwn(value, 'import')))
  );
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
