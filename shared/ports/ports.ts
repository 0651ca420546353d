// Everything that a run may reach, as wiring hands it in.
import type { ActionRecord } from '../core/action.ts';
import type { JsonObject } from '../core/json.ts';
import type { Problem } from '../core/report.ts';
import type { Chat } from './chat.ts';
import type { Ci } from './ci.ts';
import type { Clock, Ids } from './clock.ts';
import type { Cluster } from './cluster.ts';
import type { Metrics } from './metrics.ts';
import type { Model } from './model.ts';
import type { Picture } from './picture.ts';
import type { Queue } from './queue.ts';
import type { Store } from './store.ts';
import type { Tracker } from './tracker.ts';

/** The systems outside. A system that is not configured is `undefined`; an unknown cluster is a CallerError. */
export interface Ports {
  cluster(name: string): Cluster;
  metrics(cluster: string): Metrics;
  readonly chat: Chat | undefined;
  readonly tracker: Tracker | undefined;
  readonly ci: Ci | undefined;
  readonly queue: Queue | undefined;
  readonly model: Model | undefined;
  /** `undefined` in a function that was built without the renderer: pictures are left to another one. */
  readonly picture: Picture | undefined;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What adapters found out about their systems that people should know, whatever a run looks at. */
  readonly problems?: () => readonly Problem[];
}

/** What the duty remembered of this scope at the end of an earlier run. What is read of it belongs into the facts. */
export interface Memory {
  read(key: string): Promise<JsonObject | undefined>;
}

/** Our own past, for cooldowns and growth: read from the journal by the runtime, part of the facts. */
export interface History {
  /** Actions of this duty and scope created at or after `since` (ISO), oldest first, whatever their state. */
  actionsSince(since: string): Promise<readonly ActionRecord[]>;
}
