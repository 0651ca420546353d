// Takes secrets out of text before it leaves the process: known values in the spellings in which they travel, and
// well-known shapes of tokens. Linear in the text. A JSON text stays JSON. It does not decide what is a secret.

const MASK = '***';

/** Shorter values are words that text is full of; masking them would hide everything else. */
const MIN_VALUE_LENGTH = 4;
/** Fewer than 6 certain base64 characters would match by chance. */
const MIN_BASE64_LENGTH = 6;

type Interval = readonly [from: number, to: number];

/**
 * A function that replaces every one of `values` and everything that looks like a credential by `***`.
 * Each value is found as it is and URL-encoded, base64 (at any offset, e.g. in a Basic header), JSON- or HTML-escaped.
 */
export function secretMasker(values: readonly string[]): (text: string) => string {
  const forms = [...new Set(values.flatMap(formsOf))];
  return (text) => {
    const intervals = [...forms.flatMap((form) => occurrences(text, form)), ...shapes(text)];
    return intervals.length === 0 ? text : covered(text, intervals);
  };
}

function formsOf(value: string): readonly string[] {
  if (value.length < MIN_VALUE_LENGTH) {
    return [];
  }
  const url = encodeURIComponent(value.toWellFormed());
  const html = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return [
    value,
    url,
    url.replaceAll('%20', '+'),
    url.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    JSON.stringify(value).slice(1, -1),
    html,
    html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    ...base64Forms(value),
  ];
}

/** The characters that base64 gives for `value` whatever stands before and after it, for each of the three offsets. */
function base64Forms(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '');
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    const certain = text.slice(first, last);
    return certain.length < MIN_BASE64_LENGTH
      ? []
      : [certain, certain.replaceAll('+', '-').replaceAll('/', '_'), encodeURIComponent(certain)];
  });
}

function occurrences(text: string, form: string): Interval[] {
  const found: Interval[] = [];
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
    found.push([at, at + form.length]);
  }
  return found;
}

const KEYWORD =
  '(?:pass(?:word|wd|phrase)|pwd|secret(?:[_-]?key)?|client[_-]?secret|(?:[a-z]+[_-])?token|accesstoken|authtoken|refreshtoken|api[_-]?key|access[_-]?key|private[_-]?key|authorization|x-goog-signature)';
const SCHEME = '(?:(?:bearer|basic|token)[ \\t]+)?';
const BARE = '[^\\s"\'`&,;<>(){}\\[\\]\\\\]+';

/**
 * Each begins where the character before it cannot belong to it, so that no stretch of text is scanned from many starts.
 * The group named `secret` is masked, else the whole match. None crosses a quote or a backslash: JSON stays JSON.
 */
const SHAPES: readonly RegExp[] = [
  // Slack tokens and webhooks
  /(?<![A-Za-z0-9-])xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}/g,
  /(?<![A-Za-z0-9-])xapp-[A-Za-z0-9-]{8,}/g,
  /hooks\.slack\.com\/(?:services|workflows|triggers)\/(?<secret>[A-Za-z0-9_/-]{8,})/g,
  // AWS, Google, GitHub, GitLab, Grafana, Atlassian, PyPI-like prefixes
  /(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9_-])ya29\.[A-Za-z0-9_.-]{8,}/g,
  /(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}/g,
  /(?<![A-Za-z0-9_-])GOCSPX-[A-Za-z0-9_-]{16,}/g,
  /(?<![A-Za-z0-9_])gh[opsur]_[A-Za-z0-9]{16,}/g,
  /(?<![A-Za-z0-9_])github_pat_[A-Za-z0-9_]{16,}/g,
  /(?<![A-Za-z0-9_-])gl(?:pat|rt|cbt|dt)-[A-Za-z0-9_.-]{16,}/g,
  /(?<![A-Za-z0-9_])gl(?:sa|c)_[A-Za-z0-9_+/=]{16,}/g,
  /(?<![A-Za-z0-9_-])AT(?:ATT|BB|CTT)[A-Za-z0-9_=-]{20,}/g,
  /(?<![A-Za-z0-9_-])sk-[A-Za-z0-9_-]{20,}/g,
  // JSON Web Tokens, Kubernetes' service account tokens among them
  /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?/g,
  // A header's value without its name
  /(?<![A-Za-z0-9])bearer[ \t]+(?<secret>[A-Za-z0-9._~+/-]{16,}=*)/gi,
  // name=value, name: value, "name": "value", and the same within a JSON string
  new RegExp(
    `${KEYWORD}[ \\t]{0,4}(?:=>|[=:])[ \\t]{0,4}(?:${SCHEME}(?<secret>${BARE})|"${SCHEME}(?<double>(?:[^"\\\\\\n]|\\\\.)+)|'${SCHEME}(?<single>[^'"\\\\\\n]+))`,
    'gi',
  ),
  new RegExp(`${KEYWORD}"[ \\t]{0,4}[=:][ \\t]{0,4}"${SCHEME}(?<secret>(?:[^"\\\\\\n]|\\\\.)+)`, 'gi'),
  new RegExp(`${KEYWORD}'[ \\t]{0,4}[=:][ \\t]{0,4}'${SCHEME}(?<secret>[^'"\\\\\\n]+)`, 'gi'),
  new RegExp(`${KEYWORD}(?:\\\\")?[ \\t]{0,4}[=:][ \\t]{0,4}\\\\"${SCHEME}(?<secret>[^"\\\\\\n]+)`, 'gi'),
  new RegExp(`--?${KEYWORD}[ \\t]+(?<secret>(?!-)${BARE})`, 'gi'),
  // The user part of an address: all of it for the web, where it may be a token alone; the password elsewhere
  /(?<![A-Za-z])https?:\/\/(?<secret>[^\s/?#@"'<>\\]+)(?=@)/gi,
  /:\/\/[^\s/?#@:"'<>\\]*:(?<secret>[^\s/?#@"'<>\\]+)(?=@)/g,
];

function shapes(text: string): Interval[] {
  return [...SHAPES.flatMap((shape) => [...text.matchAll(shape)].map(intervalOf)), ...privateKeys(text)];
}

/** The secret is the last part of each match. */
function intervalOf(match: RegExpExecArray): Interval {
  const secret = match.groups?.['secret'] ?? match.groups?.['double'] ?? match.groups?.['single'] ?? match[0];
  const end = match.index + match[0].length;
  return [end - secret.length, end];
}

/** By search instead of an expression: keys without an end would make one start over at each beginning. */
function privateKeys(text: string): Interval[] {
  const found: Interval[] = [];
  const begin = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const quote = indexOrEnd(text, '"', begin.lastIndex);
    const end = text.slice(begin.lastIndex, quote).search(/-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----/);
    const closing = end === -1 ? quote : text.indexOf('-----', begin.lastIndex + end + 5) + 5;
    found.push([match.index, closing]);
    begin.lastIndex = closing;
  }
  return found;
}

function indexOrEnd(text: string, part: string, from: number): number {
  const at = text.indexOf(part, from);
  return at === -1 ? text.length : at;
}

/** The text with each stretch that the intervals cover replaced once; overlapping and touching ones are one stretch. */
function covered(text: string, intervals: readonly Interval[]): string {
  const sorted = [...intervals].sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  let result = '';
  let done = 0;
  for (const [from, to] of sorted) {
    if (from > done || (done === 0 && result === '')) {
      result += text.slice(done, from) + MASK;
    }
    done = Math.max(done, to);
  }
  return result + text.slice(done);
}
