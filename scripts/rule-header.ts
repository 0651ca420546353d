// Reads what a rule file says of itself in its first lines: When, Then, Unless, Why. Text in, text out.

export interface RuleHeader {
  readonly name: string;
  /** Its path in the repository. */
  readonly file: string;
  readonly when: string;
  readonly then: string;
  readonly unless: string;
  readonly why: string;
}

const KEYS = ['When', 'Then', 'Unless', 'Why'] as const;
type Key = (typeof KEYS)[number];

/** In the order in which a person wants to know: what stops everything, what is done, what is escalated, what holds it back. */
const ORDER: readonly string[] = ['no-data', 'known-issue', 'raise-', 'lower-', 'escalate-', 'hold-', '', 'healthy'];

/** The header of a rule file. Fails when one of the four is missing: a rule without its reason is not done. */
export function readRuleHeader(file: string, source: string): RuleHeader {
  const said = new Map<Key, string>();
  let key: Key | undefined;
  for (const line of source.split('\n')) {
    if (!line.startsWith('//')) {
      break;
    }
    const words = line.slice(2);
    const begun = /^ (When|Then|Unless|Why): +(.*)$/.exec(words);
    // What is set in under a keyword goes on with it; a line at the margin is a remark of its own.
    const goesOn = /^ {4,}(\S.*)$/.exec(words);
    if (begun !== null) {
      key = begun[1] as Key;
      said.set(key, begun[2] ?? '');
    } else if (key !== undefined && goesOn !== null) {
      said.set(key, `${said.get(key) ?? ''} ${goesOn[1] ?? ''}`);
    } else {
      key = undefined;
    }
  }
  const missing = KEYS.filter((one) => (said.get(one) ?? '') === '');
  if (missing.length > 0) {
    throw new Error(`${file} does not say ${missing.join(', ')} in its first lines, as "// When:   …".`);
  }
  const text = (one: Key): string => said.get(one) ?? '';
  const name = /([^/]+)\.ts$/.exec(file)?.[1] ?? file;
  return { name, file, when: text('When'), then: text('Then'), unless: text('Unless'), why: text('Why') };
}

/** Compares two rules for a table. */
export function ruleOrder(a: RuleHeader, b: RuleHeader): number {
  return placeOf(a) - placeOf(b) || (a.name < b.name ? -1 : 1);
}

function placeOf({ name }: RuleHeader): number {
  const exact = ORDER.indexOf(name);
  const byPrefix = ORDER.findIndex((prefix) => prefix.endsWith('-') && name.startsWith(prefix));
  return exact >= 0 ? exact : byPrefix >= 0 ? byPrefix : ORDER.indexOf('');
}
