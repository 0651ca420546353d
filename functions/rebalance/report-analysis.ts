// The evidence of which a model may say what the measurements behind the decisions show: sizes as they stood when the run looked, use
// and kills. It holds nothing of what was decided, so that no sentence of it can claim a change.
import type { DecidedOutcome } from '../../shared/core/report.ts';
import type { Evidence, EvidenceItem, Fact } from '../../shared/core/wording/evidence.ts';
import { bytesInWords, coresInWords, shortened } from './decide-wording.ts';
import { measuredFacts, namesOf, SIZES, sizeOf, telling, timeFacts } from './report-words.ts';
import type { ContainerFacts, RebalanceFacts } from './schema-facts.ts';

const LINE_CHARACTERS = 300;

/** An item for each container that is not merely skipped. */
export function analysisEvidence(facts: RebalanceFacts, decided: readonly DecidedOutcome[], window: string): Evidence {
  return {
    names: [facts.namespace, facts.cluster],
    facts: timeFacts(facts, window),
    lines: [`Namespace ${facts.namespace}, over ${window}. Sizes are those before this run.`],
    items: telling(decided).map((one) => itemOf(facts, one)),
    links: [],
  };
}

function itemOf(facts: RebalanceFacts, decided: DecidedOutcome): EvidenceItem {
  const { subject, reason } = decided.decision;
  const container = facts.pods
    .find(({ name }) => name === subject.pod)
    ?.containers.find(({ name }) => name === subject.container);
  const kills = reason.evidence['oomKills'];
  const said = [
    ...(container === undefined ? [] : partsOf(container)),
    ...(typeof kills === 'number' ? [`OOM kills ${String(kills)}`] : []),
  ];
  return {
    names: namesOf(facts, decided),
    facts: [
      ...measuredFacts(reason.evidence),
      ...(container === undefined ? [] : [...setFacts(container), ...usedFacts(container)]),
    ],
    states: [],
    deeds: [],
    line: shortened(`${subject.pod ?? ''}: ${said.join(', ')}.`, LINE_CHARACTERS),
  };
}

function setFacts(container: ContainerFacts): readonly Fact[] {
  return SIZES.flatMap(([list, resource, said]): Fact[] => {
    const size = sizeOf(container[list][resource], resource);
    return size === undefined ? [] : [{ ...size, said: [said] }];
  });
}

function usedFacts({ memory, cpu }: ContainerFacts): readonly Fact[] {
  const bytes = (value: number | null, said: string): Fact[] =>
    value === null ? [] : [{ unit: 'bytes', value, said: [`memory ${said}`], isMeasured: true }];
  const cores = (value: number | null, said: string): Fact[] =>
    value === null ? [] : [{ unit: 'millicores', value: value * 1000, said: [`CPU ${said}`], isMeasured: true }];
  return [
    ...bytes(memory.averageBytes, 'average'),
    ...bytes(memory.p95Bytes, 'p95'),
    ...bytes(memory.maximumBytes, 'maximum'),
    ...cores(cpu.averageCores, 'average'),
    ...cores(cpu.p95Cores, 'p95'),
    ...cores(cpu.maximumCores, 'maximum'),
  ];
}

/** What is not set or not known is left out: a model would make something of it. */
function partsOf(container: ContainerFacts): readonly string[] {
  const { memory, cpu } = container;
  const known = <T>(value: T | null | undefined, words: (value: T) => string): string[] =>
    value === null || value === undefined ? [] : [words(value)];
  return [
    ...SIZES.flatMap(([list, resource, said]) => known(container[list][resource], (size) => `${said} ${size}`)),
    ...known(memory.averageBytes, (bytes) => `memory average ${bytesInWords(bytes)}`),
    ...known(memory.p95Bytes, (bytes) => `memory p95 ${bytesInWords(bytes)}`),
    ...known(memory.maximumBytes, (bytes) => `memory maximum ${bytesInWords(bytes)}`),
    ...known(cpu.averageCores, (cores) => `CPU average ${coresInWords(cores)}`),
    ...known(cpu.p95Cores, (cores) => `CPU p95 ${coresInWords(cores)}`),
  ];
}
