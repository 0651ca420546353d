// When:   no other rule applies
// Then:   skip
// Unless: never: it is the end of the line
// Why:    "looked at and found well" is a verdict with evidence, not the absence of one
import { cpuShare, evidenceOf, memoryShare } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Skip } from '../decide-finding.ts';
import { shareInWords } from '../decide-wording.ts';
import { isIdle } from './lower-requests-when-idle.ts';

export function healthy(view: ContainerView): Skip {
  const { cpu, memory } = view.container;
  const used = [
    ['CPU', cpuShare(view, cpu.averageCores)],
    ['memory', memoryShare(view, memory.averageBytes)],
  ].flatMap(([what, share]) => (typeof share === 'number' ? [`${shareInWords(share)} of its ${what}`] : []));
  const uses =
    used.length === 0 ? 'Runs without requests and limits to compare with' : `Uses ${used.join(' and ')} on average`;
  const floor = isIdle(view) ? '; idle, but its requests are at their floor' : '';
  return { verdict: 'skip', reason: reasonOf('healthy', 'healthy', `${uses}${floor}.`, evidenceOf(view)) };
}
