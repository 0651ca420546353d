// Text for people without a vendor's syntax: adapters turn it into Slack blocks, Jira ADF or HTML and escape it there.

import type { ButtonValue } from './click.ts';
import type { JsonObject } from './json.ts';

/** A piece of text. `issue` stands for the link of the issue with that fingerprint, known only when it is delivered. */
export type Span =
  | { readonly text: string; readonly style?: 'code' | 'bold'; readonly url?: string }
  | { readonly issue: string; readonly text: string };

export type Line = readonly Span[];

export type Block =
  /** `role: 'words'`: sentences in whose place a model's may come, once they are checked. */
  | { readonly kind: 'paragraph'; readonly line: Line; readonly role?: 'words' }
  | { readonly kind: 'list'; readonly lines: readonly Line[] }
  | { readonly kind: 'code'; readonly text: string }
  /** A line and what people may do about it; where nobody can click it is the line alone. */
  | { readonly kind: 'buttons'; readonly line: Line; readonly buttons: readonly Button[] }
  /** A line about a change of ours by its id; what became of the change is added whenever the line is shown. */
  | { readonly kind: 'action'; readonly action: string; readonly line: Line }
  | { readonly kind: 'table'; readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] };

export interface Button {
  readonly label: string;
  readonly style?: 'primary' | 'danger';
  /** Asked before it counts, for what is not to happen by a slip of the hand. */
  readonly confirm?: string;
  readonly value: ButtonValue;
}

/**
 * A message for the team's chat. `title` is its header.
 * A code block is at most `MESSAGE_CODE_CHARACTERS` long; what is longer goes into `file`, shown in the thread.
 */
export interface Message {
  readonly title: string;
  readonly blocks: readonly Block[];
  readonly file?: TextFile | PictureFile;
}

export interface TextFile {
  readonly name: string;
  readonly title: string;
  readonly content: string;
}

/** A picture that is drawn when it is delivered or shown: what is stored are the options of its chart. `alt` says what it shows. */
export interface PictureFile {
  readonly name: string;
  readonly title: string;
  readonly alt: string;
  readonly picture: Chart;
}

/** A chart as plain data: the options of the chart library, its size in pixels. */
export interface Chart {
  readonly width: number;
  readonly height: number;
  readonly option: JsonObject;
}

/**
 * The longest code block of a message, in characters after escaping.
 * Slack refuses a section text over 3,000 characters; the fence and the escaping of `&`, `<`, `>` need room.
 */
export const MESSAGE_CODE_CHARACTERS = 2900;

export function text(value: string): Span {
  return { text: value };
}

export function code(value: string): Span {
  return { text: value, style: 'code' };
}

export function bold(value: string): Span {
  return { text: value, style: 'bold' };
}

export function paragraph(...line: Span[]): Block {
  return { kind: 'paragraph', line };
}
