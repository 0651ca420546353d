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

/** `value` with every text in it masked; its shape stays. One pass over its JSON: a report has a hundred thousand texts. */
export function masked<T>(mask: (text: string) => string, value: T): T {
  const text = JSON.stringify(value);
  const without = mask(text);
  return without === text ? value : (JSON.parse(without) as T);
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

/** Alone, and the characters that base64 gives for `value` whatever stands before and after it, for each of the three offsets. */
function base64Forms(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const inside = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '');
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    return text.slice(first, last);
  });
  return [bytes.toString('base64').replaceAll('=', ''), ...inside]
    .filter((form) => form.length >= MIN_BASE64_LENGTH)
    .flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_'), encodeURIComponent(form)]);
}

/** Overlapping occurrences come as one: a value that repeats itself would otherwise give one for every character. */
function occurrences(text: string, form: string): Interval[] {
  const found: Interval[] = [];
  let from = -1;
  let to = -1;
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
    if (at > to) {
      if (from !== -1) {
        found.push([from, to]);
      }
      from = at;
    }
    to = at + form.length;
  }
  return from === -1 ? found : [...found, [from, to]];
}

const KEYWORD =
  '(?:pass(?:word|wd|phrase)|pwd|secret(?:[_-]?key)?|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|x-goog-signature)';
/** The quote may close a JSON string that ends in `password=`; then what follows is JSON's own. */
const NOT_STRUCTURE = '(?![ \\t]*(?:[,:}\\]\\n]|$))';
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
  // The user part of an address: all of it for the web, where it may be a token alone; the password elsewhere
  /(?<![A-Za-z])https?:\/\/(?<secret>[^\s/?#@"'<>\\]+)(?=@)/gi,
  /:\/\/[^\s/?#@:"'<>\\]*:(?<secret>[^\s/?#@"'<>\\]+)(?=@)/g,
];

/** What stands beside a word for a secret. */
const NAMED: readonly RegExp[] = [
  // name=value, name: value, "name": "value", and the same within a JSON string
  new RegExp(
    `${KEYWORD}[ \\t]{0,4}(?:=>|[=:])[ \\t]{0,4}(?:${SCHEME}(?<secret>${BARE})|"${NOT_STRUCTURE}${SCHEME}(?<double>(?:[^"\\\\\\n]|\\\\.)+)|'${SCHEME}(?<single>[^'"\\\\\\n]+))`,
    'gi',
  ),
  new RegExp(`${KEYWORD}"[ \\t]{0,4}[=:][ \\t]{0,4}"${SCHEME}(?<secret>(?:[^"\\\\\\n]|\\\\.)+)`, 'gi'),
  new RegExp(`${KEYWORD}'[ \\t]{0,4}[=:][ \\t]{0,4}'${SCHEME}(?<secret>[^'"\\\\\\n]+)`, 'gi'),
  new RegExp(`${KEYWORD}(?:\\\\")?[ \\t]{0,4}[=:][ \\t]{0,4}\\\\"${SCHEME}(?<secret>[^"\\\\\\n]+)`, 'gi'),
  new RegExp(`--?${KEYWORD}[ \\t]+(?<secret>(?!-)${BARE})`, 'gi'),
];
const HAS_KEYWORD = new RegExp(KEYWORD, 'i');

function shapes(text: string): Interval[] {
  // Most texts have no such word, and one look for it costs a fifth of the five that follow.
  const asked = HAS_KEYWORD.test(text) ? [...SHAPES, ...NAMED] : SHAPES;
  return [...asked.flatMap((shape) => [...text.matchAll(shape)].map(intervalOf)), ...privateKeys(text)];
}

/** The secret is the last part of each match. */
function intervalOf(match: RegExpExecArray): Interval {
  const secret = match.groups?.['secret'] ?? match.groups?.['double'] ?? match.groups?.['single'] ?? match[0];
  const end = match.index + match[0].length;
  return [end - secret.length, end];
}

/** Longer than any key that is in use, so that keys without an end cost no more than others. */
const MAX_KEY_LENGTH = 16_384;

/** From BEGIN to END; a key that was cut off ends before the next quote, with the backslashes that escape it. */
function privateKeys(text: string): Interval[] {
  const found: Interval[] = [];
  const begin = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const rest = text.slice(begin.lastIndex, begin.lastIndex + MAX_KEY_LENGTH);
    const body = /^[^"]*?-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----/.exec(rest) ?? /^(?:[^"\\]|\\(?=[^"\\]))*/.exec(rest);
    begin.lastIndex += body?.[0].length ?? 0;
    found.push([match.index, begin.lastIndex]);
  }
  return found;
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
