// What one run carries through executor, journal and outbox.
import type { Logger } from 'pino';
import type { JsonObject } from '../core/json.ts';
import type { TeamPolicy } from '../core/policy.ts';
import type { Ports } from '../ports/ports.ts';
import type { Sender } from '../ports/sender.ts';
import type { Write } from '../ports/store.ts';
import type { ActionKind } from '../actions/kind.ts';
import type { Lease } from './lease.ts';

/** The boundaries of a run at which a process may die; fault tests stop at each of them. */
export const STEPS = [
  'lease-taken',
  'facts-read',
  'decided',
  'intent-stored',
  'target-read',
  'applied',
  'outcome-stored',
  'run-finished',
  'delivery-claimed',
  'delivery-sent',
  'delivery-stored',
] as const;
/** Those of what comes in from outside, before its delivery. */
export const INGRESS_STEPS = ['event-stored'] as const;
export type Step = (typeof STEPS)[number] | (typeof INGRESS_STEPS)[number];

/** Which code judged: the version of the package, and a hash over what the judgement is made of. */
export interface CodeVersion {
  readonly version: string;
  readonly hash: string;
}

/** An event as its handler gets it. The same one comes again after a crash, under the same id. */
export interface ReceivedEvent {
  readonly id: string;
  readonly source: string;
  /** When it was taken, ISO. */
  readonly at: string;
  readonly event: JsonObject;
}

export type EventHandler = (surroundings: Surroundings, received: ReceivedEvent) => Promise<void>;

/** A run that an event asks for. */
export interface RunStart {
  readonly duty: string;
  readonly scope: JsonObject;
  /** Of the event: a repeat of it is answered with the finished run. */
  readonly deliveryId: string;
}

/** What the host hands to every run: the same for all duties of a process. */
export interface Surroundings {
  readonly ports: Ports;
  readonly kinds: ReadonlyMap<string, ActionKind>;
  readonly team: TeamPolicy;
  readonly log: Logger;
  /** Takes secrets out of what is stored, told or answered; the log masks by itself. */
  readonly mask: (text: string) => string;
  /** The code of the duty that runs, for its recording; absent where nobody asks. */
  readonly code?: CodeVersion;
  /** The Google Cloud project whose traces the log lines belong to. */
  readonly project?: string;
  /** True once the process is to end: what is begun is finished, nothing new is begun. */
  readonly isStopping?: () => boolean;
  /** Who may send events, by the name in the path of `ingress`; absent where nothing comes in. */
  readonly senders?: ReadonlyMap<string, Sender>;
  /**
   * What is done with an event, by its source. Only who is given them works on events: a function of another duty may lack
   * the rights that a click of a person needs.
   */
  readonly handlers?: ReadonlyMap<string, EventHandler>;
  /** Has an event that was stored worked on in this process, without waiting for it; a queue is used where it is absent. */
  readonly handOn?: (eventId: string) => void;
  /** Runs a duty in this process; a queue is used where it is absent. */
  readonly startHere?: (start: RunStart) => Promise<void>;
  /** Called at each boundary. Production passes nothing; fault tests kill here. */
  readonly onStep?: (step: Step) => void | Promise<void>;
}

/** How an intent ends. */
export type Ending = 'applied' | 'failed' | 'stale' | 'unknown';

export interface RunContext extends Surroundings {
  readonly runId: string;
  readonly duty: string;
  readonly scope: JsonObject;
  readonly scopeKey: string;
  readonly dryRun: boolean;
  /** The run's `now`, ISO. */
  readonly now: string;
  /** Absent in a dry run, which writes nothing. */
  readonly lease: Lease | undefined;
  /** No action is begun after this time (milliseconds since 1970): the function would be cut off in the middle. */
  readonly actUntil: number;
  /** Who acts in place of the run: a person, or `settle`. */
  readonly by?: string;
  /** Writes that belong into the same commit as an action's outcome, such as what is told of it. */
  readonly onEnd?: (state: Ending, detail: string, actionId: string) => Promise<readonly Write[]>;
  /** The same for an action that is stored to wait for approval. */
  readonly onWaiting?: (actionId: string) => readonly Write[];
}

/** Who acts, for the journal. */
export function byOf(context: RunContext): string {
  return context.by ?? `run ${context.runId}`;
}

export async function step(surroundings: Surroundings, name: Step): Promise<void> {
  await surroundings.onStep?.(name);
}
