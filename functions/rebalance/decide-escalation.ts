// Escalations for people: one for each workload and rule, told with the evidence of all its containers. Sends nothing.
import { bold, code, paragraph, text } from '../../shared/core/document.ts';
import type { Block } from '../../shared/core/document.ts';
import type { Escalation } from '../../shared/core/decision.ts';
import type { Concern } from './decide-finding.ts';
import type { Settled } from './decide-judge.ts';
import type { ContainerView, World } from './decide-view.ts';
import { bytesInWords, coresInWords, shortened } from './decide-wording.ts';

/** Containers that one issue spells out; the report of the run has them all. */
const SENTENCES = 10;
const ROWS = 30;

interface Entry {
  readonly view: ContainerView;
  readonly concern: Concern;
}

/** The escalation of each container that has one; those of one workload and rule share theirs. */
export function escalationsOf(
  world: World,
  settled: ReadonlyMap<ContainerView, Settled>,
): ReadonlyMap<ContainerView, Escalation> {
  const entries = world.views.flatMap((view): readonly Entry[] => {
    const outcome = settled.get(view);
    return outcome?.verdict === 'escalate' ? [{ view, concern: outcome }] : [];
  });
  const groups = Map.groupBy(entries, ({ view, concern }) => `${concern.reason.rule} ${view.workloadKey}`);
  return new Map(
    [...groups.values()].flatMap((group) => {
      const escalation = escalationFor(world, group);
      return group.map(({ view }) => [view, escalation] as const);
    }),
  );
}

function escalationFor(world: World, group: readonly Entry[]): Escalation {
  const [first] = group;
  const rule = first?.concern.reason.rule ?? '';
  const workload = first?.view.workloadKey ?? '';
  const { cluster, namespace } = world.facts;
  const label = first?.concern.reason.label ?? '';
  return {
    about: { duty: 'rebalance', rule, cluster, namespace, workload },
    title: shortened(`${capitalised(label)}: ${workload} in ${namespace} (${cluster})`, 200),
    body: bodyOf(world, group, rule),
  };
}

function bodyOf(world: World, group: readonly Entry[], rule: string): readonly Block[] {
  const { cluster, namespace, now } = world.facts;
  const more = group.length - SENTENCES;
  const advice = [...new Set(group.flatMap(({ concern }) => concern.advice))];
  return [
    paragraph(
      text('Rule '),
      code(rule),
      text(' stopped at '),
      code(group[0]?.view.workloadKey ?? ''),
      text(` in namespace ${namespace} of cluster ${cluster} at ${now}. It needs a person to decide.`),
    ),
    {
      kind: 'list',
      lines: [
        ...group
          .slice(0, SENTENCES)
          .map(({ view, concern }) => [
            code(`${view.pod.name}/${view.container.name}`),
            text(` ${concern.reason.sentence}`),
          ]),
        ...(more > 0 ? [[text(`and ${more} more containers of it`)]] : []),
      ],
    },
    evidenceTable(group, world.policy.window),
    ...(advice.length === 0
      ? []
      : [paragraph(bold('What to do')), { kind: 'list' as const, lines: advice.map((line) => [text(line)]) }]),
    paragraph(text('To silence it while it is being worked on, enter it under knownIssues of the policy.')),
  ];
}

function evidenceTable(group: readonly Entry[], window: string): Block {
  const bytes = (value: number | null | undefined): string => (typeof value === 'number' ? bytesInWords(value) : '–');
  const cores = (value: number | null | undefined): string => (typeof value === 'number' ? coresInWords(value) : '–');
  return {
    kind: 'table',
    header: [
      'pod/container',
      'memory limit',
      'memory request',
      `average (${window})`,
      'p95',
      'maximum',
      'CPU request',
      'average',
      'p95',
      'OOM kills',
    ],
    rows: group.slice(0, ROWS).map(({ view }) => {
      const { memory, cpu } = view.container;
      return [
        `${view.pod.name}/${view.container.name}`,
        bytes(view.memoryLimitBytes),
        bytes(view.memoryRequestBytes),
        bytes(memory.averageBytes),
        bytes(memory.p95Bytes),
        bytes(memory.maximumBytes),
        cores(view.cpuRequestCores),
        cores(cpu.averageCores),
        cores(cpu.p95Cores),
        view.oomKills === null ? '–' : String(view.oomKills),
      ];
    }),
  };
}

function capitalised(label: string): string {
  return label.charAt(0).toUpperCase() + label.slice(1);
}
