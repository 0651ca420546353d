// Text that enters a PromQL query: label values and the policy's selector. Nothing but matchers may come out of here, so
// that no name and no setting can change what a query asks. Building whole queries belongs to the duties.

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * The text as a double-quoted PromQL string, quotes included. Only printable ASCII stays as it is: Prometheus and
 * VictoriaMetrics both unquote by Go's rules, which know `\uXXXX` and `\UXXXXXXXX`. A lone surrogate is no character in
 * UTF-8, in which labels are stored; it becomes U+FFFD.
 */
export function labelValue(text: string): string {
  let quoted = '"';
  for (const character of text.toWellFormed()) {
    quoted += escaped(character);
  }
  return `${quoted}"`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '"' || character === '\\') {
    return `\\${character}`;
  }
  if (code >= 0x20 && code < 0x7f) {
    return character;
  }
  if (character === '\n') {
    return '\\n';
  }
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/**
 * Label matchers without braces: the exact matchers in their order, then those of `extra`, the policy's selector, which
 * `checkSelector` must have accepted. `selectorWith({ namespace: 'shop' }, '{cluster="prod"}')` is
 * `namespace="shop",cluster="prod"`.
 */
export function selectorWith(matchers: Readonly<Record<string, string>>, extra: string): string {
  const exact = Object.entries(matchers).map(([name, value]) => `${checkedName(name)}=${labelValue(value)}`);
  const more = withoutBraces(extra);
  return [...exact, ...(more === '' ? [] : [more])].join(',');
}

function checkedName(name: string): string {
  if (!LABEL_NAME.test(name)) {
    throw new RangeError(`${JSON.stringify(name)} is not a label name.`);
  }
  return name;
}

function withoutBraces(selector: string): string {
  const trimmed = selector.trim();
  const inner = trimmed.startsWith('{') && trimmed.endsWith('}') ? trimmed.slice(1, -1).trim() : trimmed;
  return inner.endsWith(',') ? inner.slice(0, -1).trimEnd() : inner;
}

/**
 * What is wrong with a selector, as one sentence, or `undefined` when it holds label matchers and nothing else:
 * `cluster="prod",env=~"live|test"`, in braces or not. Empty text selects everything and is fine.
 */
export function checkSelector(text: string): string | undefined {
  try {
    readSelector({ text, at: 0 });
    return undefined;
  } catch (error) {
    if (error instanceof SelectorProblem) {
      return error.message;
    }
    throw error;
  }
}

class SelectorProblem extends Error {}

interface Cursor {
  readonly text: string;
  at: number;
}

function readSelector(cursor: Cursor): void {
  skipSpace(cursor);
  const braced = take(cursor, '{');
  const end = braced ? '}' : undefined;
  skipSpace(cursor);
  while (!isAtEnd(cursor, end)) {
    readMatcher(cursor);
    skipSpace(cursor);
    if (!take(cursor, ',')) {
      break;
    }
    skipSpace(cursor);
  }
  if (braced && !take(cursor, '}')) {
    throw problem(cursor, 'a comma or the closing brace');
  }
  skipSpace(cursor);
  if (cursor.at < cursor.text.length) {
    throw problem(cursor, braced ? 'nothing after the closing brace' : 'a comma or the end');
  }
}

function readMatcher(cursor: Cursor): void {
  const name = takePattern(cursor, /[a-zA-Z_][a-zA-Z0-9_]*/y);
  if (name === undefined) {
    throw problem(cursor, 'a label name');
  }
  if (name === '__name__') {
    throw new SelectorProblem(
      'The selector must not match __name__: it picks series by their labels, the metric is named by each query.',
    );
  }
  skipSpace(cursor);
  if (takePattern(cursor, /=~|!~|!=|=(?!=)/y) === undefined) {
    throw problem(cursor, 'one of = != =~ !~');
  }
  skipSpace(cursor);
  readString(cursor);
}

function readString(cursor: Cursor): void {
  const quote = cursor.text[cursor.at];
  if (quote !== '"' && quote !== "'") {
    throw problem(cursor, 'a value in quotes');
  }
  const opened = cursor.at;
  cursor.at += 1;
  while (cursor.text[cursor.at] !== quote) {
    const character = cursor.text[cursor.at];
    if (character === undefined || character === '\n') {
      throw new SelectorProblem(`The value that opens at character ${opened + 1} has no closing ${quote}.`);
    }
    if (character !== '\\') {
      cursor.at += 1;
    } else if (!takeEscape(cursor, quote)) {
      throw problem(cursor, 'an escape that PromQL knows (\\\\ for a backslash, as in "a\\\\.b")');
    }
  }
  cursor.at += 1;
}

/** Go's escapes, by which both servers unquote: the other kind of quote must not be escaped. */
function takeEscape(cursor: Cursor, quote: string): boolean {
  if (cursor.text[cursor.at + 1] === quote) {
    cursor.at += 2;
    return true;
  }
  const escape = takePattern(
    cursor,
    /\\(?:[abfnrtv\\]|[0-3][0-7]{2}|x[0-9a-fA-F]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|U000(?!0[dD][89a-fA-F])[0-9a-fA-F]{5}|U0010[0-9a-fA-F]{4})/y,
  );
  return escape !== undefined;
}

function skipSpace(cursor: Cursor): void {
  takePattern(cursor, /[ \t\r\n]+/y);
}

function isAtEnd(cursor: Cursor, end: string | undefined): boolean {
  return cursor.at >= cursor.text.length || cursor.text[cursor.at] === end;
}

function take(cursor: Cursor, character: string): boolean {
  if (cursor.text[cursor.at] !== character) {
    return false;
  }
  cursor.at += 1;
  return true;
}

function takePattern(cursor: Cursor, sticky: RegExp): string | undefined {
  sticky.lastIndex = cursor.at;
  const found = sticky.exec(cursor.text)?.[0];
  cursor.at += found?.length ?? 0;
  return found;
}

function problem(cursor: Cursor, expected: string): SelectorProblem {
  const found =
    cursor.at < cursor.text.length ? JSON.stringify(cursor.text.slice(cursor.at, cursor.at + 20)) : 'the end';
  return new SelectorProblem(`Expected ${expected} at character ${cursor.at + 1}, found ${found}.`);
}
