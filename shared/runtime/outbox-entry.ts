// The outbox's documents, and the one way in which an entry makes an effect outside.
import type { Logger } from 'pino';
import type { Message } from '../core/document.ts';
import { PlatformError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Notice } from '../core/report.ts';
import type { Posted, PreparedMessage } from '../ports/chat.ts';
import type { Ports } from '../ports/ports.ts';
import type { IssueDraft } from '../ports/tracker.ts';
import type { Step } from './context.ts';
import type { LargeReference } from './large-document.ts';

interface EntryBase {
  readonly id: string;
  /** The run that has it to tell; of an event its own id. */
  readonly runId: string;
  readonly createdAt: string;
  readonly state: 'pending' | 'delivered' | 'failed';
  /** When it is tried next, ISO. */
  readonly dueAt: string;
  readonly attempts: number;
  /** What was begun and not yet accounted for, since when: the effect may be out. */
  readonly uncertain?: { readonly what: string; readonly since: string };
  /** Until then one instance is at it. */
  readonly claimedUntil?: string;
  readonly lastError?: string;
  readonly url?: string;
}

export interface MessageEntry extends EntryBase {
  readonly kind: 'message';
  readonly channel: string;
  /** The message in whose thread it is said. */
  readonly thread?: Posted;
  /** The entry of that message, for one that was not posted when this was written: it is waited for. */
  readonly after?: string;
  readonly message: Message;
  readonly prepared?: PreparedMessage;
  /** Fingerprints of the issues that the message links to. */
  readonly issues: readonly string[];
  /** The message waits until then for the links of new issues, and is edited when they come later. */
  readonly waitUntil: string;
  /** Where the content of the message's file is, when it is too large for this document. */
  readonly largeFile?: LargeReference;
  readonly posted?: Posted;
  readonly fileSent?: boolean;
  /** What its buttons are about has changed since it was sent. */
  readonly woken?: boolean;
  /** Fingerprints whose links stand in the message as it was last sent. */
  readonly linked?: readonly string[];
  /** Sentences in place of the block of role `words`, and those that stand in the message as it was last sent. */
  readonly words?: string;
  readonly worded?: string;
}

export interface IssueEntry extends EntryBase {
  readonly kind: 'issue';
  readonly draft: IssueDraft;
  /** A second look for duplicates is due after a creation that was tried twice. */
  readonly recheck?: boolean;
}

/** What came in from outside and waits to be worked on. */
export interface EventEntry extends EntryBase {
  readonly kind: 'event';
  /** The name of its sender, such as `slack`. */
  readonly source: string;
  readonly event: JsonObject;
}

/** Where a notice is shown, in the CI system. */
export const NOTICE_PLACES = ['build-status', 'pull-request'] as const;

/** What became of an action, said beside the build that it is about, and said anew when something else became of it. */
export interface NoticeEntry extends EntryBase {
  readonly kind: 'notice';
  readonly action: string;
  readonly notice: Notice;
}

export function noticeId(action: string, place: (typeof NOTICE_PLACES)[number]): string {
  return `${action}-${place}`;
}

export type OutboxEntry = MessageEntry | IssueEntry | EventEntry | NoticeEntry;

/** What is known of the issue with a fingerprint; `key` is absent until it is delivered. */
export interface IssueState {
  readonly fingerprint: string;
  readonly key?: string;
  readonly url?: string;
  /** The digest that covers it, when it has no issue of its own. */
  readonly digest?: string;
  /** The outbox entry that was last made for it. */
  readonly entry?: string;
  readonly openedAt: string;
  /** When it was last created or commented, or begun to be. */
  readonly touchedAt: string;
}

/** What a delivery step gives: the entry as it is to be stored. */
export interface DeliveryContext {
  readonly ports: Ports;
  readonly log: Logger;
  readonly now: () => string;
  /** Stores progress of a claimed entry and renews its claim; throws LostClaim when another instance took it over. */
  readonly save: (entry: OutboxEntry) => Promise<void>;
  readonly onStep: (step: Step) => Promise<void>;
}

/**
 * Makes one effect outside: that it is begun is stored first, so that a crash or a lost reply leaves a trace to look after.
 * A failure of which the system says that nothing happened leaves none, unless an earlier try is still uncertain.
 */
export async function attempt<T>(
  context: DeliveryContext,
  entry: OutboxEntry,
  what: 'post' | 'file' | 'create',
  send: () => Promise<T>,
): Promise<T> {
  const earlier = entry.uncertain;
  await context.save({ ...entry, uncertain: { what, since: earlier?.since ?? context.now() } });
  try {
    const result = await send();
    await context.onStep('delivery-sent');
    return result;
  } catch (error) {
    if (earlier === undefined && error instanceof PlatformError && error.failure.applied === 'no') {
      await context.save(entry);
    }
    throw error;
  }
}

/** The entry once its effect is accounted for. */
export function accounted<E extends OutboxEntry>(entry: E): E {
  const { uncertain: _uncertain, ...rest } = entry;
  return rest as E;
}

const GIVE_UP_SECONDS = 7 * 86_400;

/** Whether it is time to give the entry up. */
export function isOld(entry: OutboxEntry, now: string): boolean {
  return secondsAfter(entry.createdAt, GIVE_UP_SECONDS) < now;
}

export function secondsAfter(iso: string, seconds: number): string {
  return new Date(Date.parse(iso) + seconds * 1000).toISOString();
}
