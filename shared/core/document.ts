// Text for people without a vendor's syntax: adapters turn it into Slack blocks, Jira ADF or HTML and escape it there.

/** A piece of text. `issue` stands for the link of the issue with that fingerprint, known only when it is delivered. */
export type Span =
  | { readonly text: string; readonly style?: 'code' | 'bold'; readonly url?: string }
  | { readonly issue: string; readonly text: string };

export type Line = readonly Span[];

export type Block =
  | { readonly kind: 'paragraph'; readonly line: Line }
  | { readonly kind: 'list'; readonly lines: readonly Line[] }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'table'; readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] };

/**
 * A message for the team's chat. `title` is its header.
 * A code block is at most `MESSAGE_CODE_CHARACTERS` long; what is longer goes into `file`, shown in the thread.
 */
export interface Message {
  readonly title: string;
  readonly blocks: readonly Block[];
  readonly file?: { readonly name: string; readonly title: string; readonly content: string };
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
