// The team's chat. A marker travels with each message, so that a lost reply can be looked up before sending again.
import type { Line, Message } from '../core/document.ts';
import type { JsonObject } from '../core/json.ts';

export interface Posted {
  /** The chat's own id of the message (Slack: ts), and the channel's id as the chat gave it. */
  readonly id: string;
  readonly channel: string;
  readonly url: string | null;
}

export interface Chat {
  /**
   * It can post and nothing else: no edit, no file. `find` then fails with the code CANNOT_LOOK where a repeat would be a second
   * message, and finds nothing where the other side knows a repeat by its marker.
   */
  readonly isPostOnly?: true;
  /** Issue spans must have been resolved: `links` maps fingerprints to the issue's key and address. */
  post(request: ChatPost): Promise<Posted>;
  edit(posted: Posted, request: ChatPost): Promise<Posted>;
  /** The message that carries `marker`, posted at or after `since` (ISO); looks into `thread` when it is given. */
  find(request: { channel: string; marker: string; since: string; thread?: Posted }): Promise<Posted | undefined>;
  /** Shares a file in a thread; `marker` becomes part of its name or title, so that `findFile` finds it. */
  upload(request: ChatUpload): Promise<Posted>;
  findFile(request: { thread: Posted; marker: string; since: string }): Promise<Posted | undefined>;
  /** Says something that only one person sees. It cannot be found again. */
  whisper(request: ChatWhisper): Promise<void>;
  /** The ids of the people in a group. */
  members(group: string): Promise<readonly string[]>;
  /** Checks the credentials; gives the identity and the granted scopes. */
  identity(): Promise<{ readonly team: string; readonly user: string; readonly scopes: readonly string[] }>;
}

/** A message in the chat's own form, as a caller wrote it. The adapter takes out what pings people or pretends to be a button. */
export interface PreparedMessage {
  readonly text: string;
  readonly blocks?: readonly JsonObject[];
}

export interface ChatPost {
  readonly channel: string;
  readonly marker: string;
  readonly message: Message;
  /** Said in place of `message` by a chat that knows its form. */
  readonly prepared?: PreparedMessage;
  readonly links: Readonly<Record<string, IssueLink>>;
  readonly thread?: Posted;
}

export interface ChatWhisper {
  /** The channel's id. */
  readonly channel: string;
  /** The person's id. */
  readonly user: string;
  readonly line: Line;
  readonly thread: string | null;
}

export interface ChatUpload {
  readonly thread: Posted;
  readonly marker: string;
  readonly name: string;
  readonly title: string;
  /** What a picture shows, for who cannot see it. */
  readonly alt?: string;
  readonly content: string | Uint8Array;
}

export interface IssueLink {
  readonly key: string;
  readonly url: string;
}
