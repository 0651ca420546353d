// What the fault tests play: for every action kind and every kind of outbox entry, found where they are declared, the smallest
// scenario of fixtures/ in which it happens. There is no list to keep.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { loadScenario, type Scenario } from '../../../fixtures/platform/scenario.ts';
import { ACTION_KINDS } from '../../../shared/actions/kinds.ts';
import type { Judgement } from '../../../shared/actions/judgement.ts';
import type { JsonObject } from '../../../shared/core/json.ts';
import { DELIVERIES } from '../../../shared/runtime/outbox.ts';
import type { Job } from './instance.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../../fixtures');

/** What comes before the job that is struck. */
export interface Scene {
  readonly name: string;
  readonly duty: string;
  readonly folder: string;
  /** The kind of action or outbox entry that it is played for. */
  readonly shows: string;
  readonly mode: 'auto' | 'approve';
  readonly judged: Judgement['verdict'];
  /** Systems that do not answer while it is prepared. */
  readonly down: readonly string[];
  /** Runs the duty first, and lets so much time pass; absent: the job is the first thing that happens. */
  readonly after?: { readonly milliseconds: number };
  readonly job: 'run' | 'settle' | 'approve' | 'decline' | 'undo' | 'click';
}

interface Found {
  readonly duty: string;
  readonly folder: string;
  readonly bytes: number;
  readonly applied: ReadonlySet<string>;
  readonly delivered: ReadonlySet<string>;
}

interface Reported {
  readonly actions?: readonly { readonly kind: string; readonly outcome: string }[];
  readonly deliveries?: readonly { readonly kind: string; readonly state: string }[];
}

/** Scenarios in which nothing fails by itself: what fails here is the fault tests' business. */
function findScenarios(): readonly Found[] {
  return readdirSync(FIXTURES).flatMap((duty) =>
    readdirSync(path.join(FIXTURES, duty)).flatMap((name): readonly Found[] => {
      const folder = path.join(FIXTURES, duty, name);
      const expected = path.join(folder, 'expected/report.json');
      if (
        !existsSync(expected) ||
        !existsSync(path.join(folder, 'case.yaml')) ||
        !existsSync(path.join(folder, 'observed'))
      ) {
        return [];
      }
      const scenario = readFileSync(path.join(folder, 'case.yaml'), 'utf8');
      if (/^(faults|meanwhile|slack|jira|modes):/m.test(scenario)) {
        return [];
      }
      const { actions = [], deliveries = [] } = JSON.parse(readFileSync(expected, 'utf8')) as Reported;
      const applied = new Set(actions.map(({ kind }) => kind));
      return [
        {
          duty,
          folder,
          bytes: sizeOf(path.join(folder, 'observed')),
          applied: actions.every(({ outcome }) => outcome === 'applied') ? applied : new Set(),
          delivered: new Set(deliveries.map(({ kind }) => kind.replace(/^.*\./, ''))),
        },
      ];
    }),
  );
}

function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.reduce((sum, { name, parentPath }) => sum + readFileSync(path.join(parentPath, name)).length, 0);
}

function smallest(scenarios: readonly Found[], isFit: (found: Found) => boolean, missing: string): Found {
  const [first] = scenarios.filter(isFit).sort((a, b) => a.bytes - b.bytes);
  if (first === undefined) {
    throw new Error(missing);
  }
  return first;
}

const EVENT = 'event';
/** Whose click counts. */
const CLICKER = { id: 'U0ALICE', name: 'alice' };

/** Longer than guardrails.settle of any policy here. */
const SETTLED_MILLISECONDS = 11 * 60_000;
const DAY_MILLISECONDS = 25 * 3_600_000;

/** Every scene. Throws with what to add for a kind that no scenario shows. */
export function scenesOf(
  // What only takes another kind back happens in the undoing of that kind.
  kinds: Iterable<string> = [...ACTION_KINDS.values()]
    .filter((one) => one.isInverseOnly !== true)
    .map(({ kind }) => kind),
  entries: Iterable<string> = Object.keys(DELIVERIES),
): readonly Scene[] {
  const scenarios = findScenarios();
  const usual = { mode: 'auto', judged: 'kept', down: [] } as const;
  const after = { milliseconds: 60_000 };
  const later = { milliseconds: SETTLED_MILLISECONDS };
  const ofKinds = [...kinds].flatMap((shows): readonly Scene[] => {
    const { duty, folder } = smallest(
      scenarios,
      ({ applied }) => applied.has(shows),
      `No scenario shows the action kind ${shows}: add a folder to fixtures/<duty>/ without faults of its own, in whose expected/report.json every action is "applied" and one of them is a ${shows}. The fault tests find it there, and kill it everywhere.`,
    );
    const base = { ...usual, shows, duty, folder };
    return [
      { ...base, name: `${shows}: run`, job: 'run' },
      { ...base, name: `${shows}: approve`, mode: 'approve', after, job: 'approve' },
      { ...base, name: `${shows}: undo by hand`, after, job: 'undo' },
      { ...base, name: `${shows}: undone by settle`, judged: 'undo', after: later, job: 'settle' },
      { ...base, name: `${shows}: escalated by settle`, judged: 'escalate', after: later, job: 'settle' },
    ];
  });
  const ofEntries = [...entries].flatMap((shows): readonly Scene[] => {
    if (shows === EVENT) {
      // What comes in from outside stands in no scenario: the click of a person on the first change that waits.
      const [waiting] = ofKinds.filter(({ job }) => job === 'approve');
      return waiting === undefined ? [] : [{ ...waiting, shows, name: `${shows}: a click`, job: 'click' }];
    }
    const { duty, folder } = smallest(
      scenarios,
      ({ delivered, applied }) => delivered.has(shows) && applied.size > 0,
      `No scenario shows the outbox kind ${shows}: add a folder to fixtures/<duty>/ in whose expected/report.json one of the deliveries is of that kind, beside an action that is applied.`,
    );
    const base = { ...usual, shows, duty, folder };
    return [
      { ...base, name: `${shows}: run`, job: 'run' },
      { ...base, name: `${shows}: told after an outage`, down: ['slack', 'jira'], after, job: 'settle' },
      { ...base, name: `${shows}: links that come late`, down: ['jira'], after, job: 'settle' },
      { ...base, name: `${shows}: said again after a day`, after: { milliseconds: DAY_MILLISECONDS }, job: 'run' },
    ];
  });
  const declined = ofKinds.find(({ job }) => job === 'approve');
  const scenes = [
    ...ofKinds,
    ...ofEntries,
    ...(declined === undefined ? [] : [{ ...declined, name: 'any kind: decline', job: 'decline' as const }]),
  ];
  // Two kinds may have one smallest scenario: it is played once.
  const played = new Map(scenes.map((scene) => [keyOf(scene), scene]));
  return [...played.values()];
}

function keyOf({ folder, mode, judged, down, after, job }: Scene): string {
  return JSON.stringify([folder, mode, judged, down, after, job]);
}

/** The scenario with the scene's mode for every kind. */
export function scenarioOf(scene: Scene): Scenario {
  const scenario = loadScenario(scene.folder);
  const modes = [{ action: '*', mode: scene.mode }];
  const approvers = scene.job === 'click' ? { approvers: [{ users: [CLICKER.id] }] } : {};
  return { ...scenario, policy: { ...scenario.policy, modes, ...approvers } };
}

/** The job that is struck; `actionId` is the first action that was proposed before. */
export function jobOf({ job, duty }: Scene, scope: JsonObject, actionId: string): Job {
  switch (job) {
    case 'run':
      return { do: 'run', duty, scope, deliveryId: 'tick-1' };
    case 'settle':
      return { do: 'drive', driver: 'settle' };
    case 'click': {
      const button = { verb: 'approve', id: actionId } as const;
      return {
        do: 'event',
        source: 'slack',
        deliveryId: 'click-1',
        event: { kind: 'click', button, user: CLICKER, channel: '#ops', thread: null },
      };
    }
    case 'approve':
    case 'decline':
    case 'undo':
      return { do: 'operate', id: actionId, verb: job };
  }
}
