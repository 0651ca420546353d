// The words that rules make their sentences of: sizes, shares and times as people write them. Decides nothing.
import type { Change } from './schema-facts.ts';
import type { Sizes } from './schema-facts.ts';

const UNITS = ['Ki', 'Mi', 'Gi', 'Ti'] as const;

/** `123.4Mi`: for what was measured; sizes that are set keep the API server's spelling. */
export function bytesInWords(bytes: number): string {
  let value = bytes;
  let unit = '';
  for (const next of UNITS) {
    if (Math.abs(value) < 1024) {
      break;
    }
    value /= 1024;
    unit = next;
  }
  return `${Number(value.toFixed(1))}${unit}`;
}

export function coresInWords(cores: number): string {
  return `${Number((cores * 1000).toFixed(1))}m`;
}

/** Two digits under 10%, so that a boundary does not read like the other side of it. */
export function shareInWords(share: number): string {
  return `${Number((share * 100).toFixed(1))}%`;
}

export function durationInWords(seconds: number): string {
  if (seconds < 120) {
    return `${Math.round(seconds)} s`;
  }
  if (seconds < 7200) {
    return `${Math.round(seconds / 60)} min`;
  }
  return seconds < 172_800 ? `${Number((seconds / 3600).toFixed(1))} h` : `${Number((seconds / 86_400).toFixed(1))} d`;
}

export function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

const PARTS = [
  ['limits', 'memory', 'memory limit'],
  ['limits', 'cpu', 'CPU limit'],
  ['requests', 'memory', 'memory request'],
  ['requests', 'cpu', 'CPU request'],
] as const;

/** `memory limit 1Gi → 1280Mi, memory request 1Gi → 1280Mi`. */
export function changeInWords(change: Change): string {
  return PARTS.flatMap(([part, resource, words]) => {
    const after = sizeOf(change.to[part], resource);
    return after === undefined ? [] : [`${words} ${sizeOf(change.from[part], resource) ?? 'unset'} → ${after}`];
  }).join(', ');
}

function sizeOf(sizes: Sizes, resource: 'cpu' | 'memory'): string | undefined {
  return sizes[resource];
}

/** Foreign text in a list or a label: one line, bounded. */
export function shortened(text: string, length: number): string {
  const line = text.replace(/\s+/gu, ' ').trim();
  const characters = [...line];
  return characters.length <= length ? line : `${characters.slice(0, length - 1).join('')}…`;
}
