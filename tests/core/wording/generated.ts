// Evidence as runs produce it, true sentences made of it in varied English, and ways to make one of them false. For the property
// tests of the check and for `npm run bench -- model`.
import fc from 'fast-check';
import { type Evidence, type EvidenceItem, type Fact, LOWERED, RAISED } from '../../../shared/core/wording/evidence.ts';

const NAMES = ['checkout', 'cart', 'auth', 'search', 'billing', 'mailer', 'ledger', 'catalog', 'gateway', 'orders'];
const MI = 1024 ** 2;

export interface Subject {
  readonly name: string;
  readonly kind: 'raised' | 'lowered' | 'escalated';
  readonly fromMi: number;
  readonly toMi: number;
  readonly kills: number;
  /** Tenths of a percent. */
  readonly permille: number;
  /** The same of the p95. */
  readonly p95Permille: number;
}

export interface Generated {
  readonly evidence: Evidence;
  readonly subjects: readonly Subject[];
  readonly scanned: number;
  readonly changed: number;
  readonly escalated: number;
  readonly skipped: number;
}

const subject = (name: string, index: number): fc.Arbitrary<Subject> =>
  fc.record({
    name: fc.constant(`${name}-${String(index + 4)}${'abcdef'[index % 6] ?? 'a'}`),
    kind: fc.constantFrom('raised' as const, 'lowered' as const, 'escalated' as const),
    // Disjoint for each subject, so that a swapped name is a false sentence.
    fromMi: fc.integer({ min: 64, max: 900 }).map((value) => value + index * 2000),
    toMi: fc.integer({ min: 950, max: 1900 }).map((value) => value + index * 2000),
    kills: fc.integer({ min: 3, max: 12 }).map((value) => value + index * 13),
    permille: fc.integer({ min: 101, max: 149 }).map((value) => value + index * 100),
    p95Permille: fc.integer({ min: 700, max: 730 }).map((value) => value + index * 45),
  });

export const generated: fc.Arbitrary<Generated> = fc
  .tuple(fc.shuffledSubarray(NAMES, { minLength: 2, maxLength: 6 }), fc.integer({ min: 20, max: 60 }))
  .chain(([names, extra]) =>
    fc.tuple(...names.map(subject)).map((subjects): Generated => {
      const changed = subjects.filter(({ kind }) => kind !== 'escalated').length;
      const escalated = subjects.length - changed;
      return {
        subjects,
        changed,
        escalated,
        skipped: extra,
        scanned: subjects.length + extra,
        evidence: evidenceOf(subjects, changed, escalated, extra),
      };
    }),
  );

function evidenceOf(subjects: readonly Subject[], changed: number, escalated: number, skipped: number): Evidence {
  const facts: readonly Fact[] = [
    { unit: 'count', value: subjects.length + skipped, said: ['scanned', 'checked'], wholeOf: 'pods' },
    { unit: 'count', value: changed, said: ['rebalanced', 'changed', 'adjusted'] },
    { unit: 'count', value: escalated, said: ['escalated', 'needs a person'] },
    { unit: 'count', value: skipped, said: ['skipped', 'left alone'] },
    { unit: 'seconds', value: 86_400, said: [] },
  ];
  return { names: ['shop', 'prod'], facts, lines: [], items: subjects.map(itemOf), links: [] };
}

function itemOf({ name, kind, fromMi, toMi, kills, permille, p95Permille }: Subject): EvidenceItem {
  const [from, to] = kind === 'lowered' ? [toMi, fromMi] : [fromMi, toMi];
  const size = (value: number) => ({ unit: 'bytes', value: value * MI }) as const;
  return {
    names: [name, `${name}/app`],
    facts: [
      { unit: 'count', value: kills, said: ['OOM kills', 'OOM-killed'] },
      { unit: 'share', value: permille / 1000, said: ['average memory limit'] },
      { unit: 'share', value: p95Permille / 1000, said: ['memory limit p95'] },
      ...(kind === 'escalated'
        ? []
        : ([from, to].map((value) => ({ ...size(value), said: ['memory limit'] })) satisfies Fact[])),
    ],
    states: kind === 'escalated' ? ['escalated', 'needs a person'] : ['rebalanced', 'changed', 'adjusted'],
    deeds:
      kind === 'escalated'
        ? []
        : [{ state: 'done', said: kind === 'raised' ? RAISED : LOWERED, from: size(from), to: size(to) }],
    line: '',
  };
}

const WORDS = 'zero one two three four five six seven eight nine ten'.split(' ');

/** Sizes as people write them: exact in each of these. */
function sizesOf(mi: number): readonly string[] {
  return [`${String(mi)}Mi`, `${String(mi)} MiB`, ...(mi % 256 === 0 ? [`${String(mi / 1024)}Gi`] : [])];
}

/** One true sentence about a subject, or about the run. */
export function trueSentence(given: Generated, chosen: Subject, draw: (count: number) => number): string {
  const pick = (options: readonly string[]): string => options[draw(options.length)] ?? '';
  const { name, kind, kills } = chosen;
  const [from, to] = kind === 'lowered' ? [chosen.toMi, chosen.fromMi] : [chosen.fromMi, chosen.toMi];
  const [a, b] = [pick(sizesOf(from)), pick(sizesOf(to))];
  const shown = (permille: number): string =>
    pick([
      `${(permille / 10).toFixed(1)}%`,
      `${String(Math.floor(permille / 10 + 0.5))}%`,
      `${(permille / 10).toFixed(1)} percent`,
    ]);
  const [percent, p95] = [shown(chosen.permille), shown(chosen.p95Permille)];
  const verb =
    kind === 'lowered'
      ? pick(['lowered', 'reduced', 'decreased', 'trimmed', 'cut'])
      : pick(['raised', 'increased', 'lifted']);
  const number = (count: number): string => pick([String(count), WORDS[count] ?? String(count)]);
  const general = [
    `${number(given.changed)} of ${String(given.scanned)} pods were changed and ${number(given.escalated)} escalated.`,
    `Scanned ${String(given.scanned)} pods: ${String(given.changed)} rebalanced, ${String(given.escalated)} escalated, ${String(given.skipped)} skipped.`,
    `In the last day ${String(given.scanned)} pods were checked, and ${String(given.skipped)} were left alone.`,
    `${String(given.skipped)} pods were skipped in shop, while ${number(given.changed)} were adjusted.`,
  ];
  const killed = [
    `${name} was OOM-killed ${String(kills)} times in 24 hours.`,
    `There were ${String(kills)} OOM kills of ${name} in the past day.`,
    `${name} had ${String(kills)} OOM kills in 24h, and used ${percent} of its memory limit on average.`,
    `On average ${name} used ${percent} of its memory limit.`,
    `The container ${name}/app averages ${percent} of its memory limit.`,
    `The p95 of ${name} was ${p95} of its memory limit.`,
    `${name} averages ${percent} of its memory limit, and its p95 is ${p95}.`,
    `The average of ${name} is ${percent} while its p95 is ${p95}.`,
  ];
  const needed = [
    `${name} needs a person.`,
    `${name} was escalated after ${String(kills)} OOM kills.`,
    `${name} was not changed, and needs a person now.`,
    `Escalated: ${name}, which used ${percent} of its memory limit.`,
  ];
  const resized = [
    `${name} got its memory limit ${verb} from ${a} to ${b}.`,
    `The memory limit of ${name} was ${verb} from ${a} to ${b} after ${String(kills)} OOM kills.`,
    `The memory limit of ${name} is now ${b}, ${verb} from ${a}.`,
    `We ${verb} the memory limit of ${name} to ${b}.`,
    `${name} (memory limit ${a} → ${b}) was adjusted.`,
    `After ${String(kills)} OOM kills in 24h, ${name} has a memory limit of ${b}; it was ${a} before.`,
    `I ${verb} the limit for ${name}: ${a} → ${b}.`,
    `${name} now has a ${b} memory limit instead of ${a}.`,
  ];
  return pick([
    ...general,
    ...killed,
    ...(kind === 'escalated' ? needed : resized),
    ...(kind === 'escalated' ? needed : resized),
  ]);
}

/** A false sentence made of a true one, or `undefined` where this way has nothing to take hold of. */
export type Mutation = (sentence: string, given: Generated, draw: (count: number) => number) => string | undefined;

function replaced(sentence: string, pattern: RegExp, with_: (match: string) => string | undefined): string | undefined {
  const match = pattern.exec(sentence);
  const next = match === null ? undefined : with_(match[0]);
  return match === null || next === undefined || next === match[0]
    ? undefined
    : sentence.slice(0, match.index) + next + sentence.slice(match.index + match[0].length);
}

const LONE_NUMBER = /(?<![\w./-])[0-9]+(?![\w-])/;

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'another number': (sentence, _, draw) =>
    replaced(sentence, LONE_NUMBER, (digits) => String(Number(digits) + 1 + draw(3))),
  'a digit more': (sentence) => replaced(sentence, LONE_NUMBER, (digits) => `${digits}1`),
  'another percentage': (sentence, _, draw) =>
    replaced(sentence, /[0-9]+(?:\.[0-9])?(?= ?(?:%|percent))/, (digits) => String(Number(digits) + 2 + draw(5))),
  'another size': (sentence, _, draw) =>
    replaced(sentence, /[0-9]+(?= ?Mi)/, (digits) => String(Number(digits) + 1 + draw(9))),
  'another unit of memory': (sentence) => replaced(sentence, /(?<=[0-9] ?)Mi(?=B?\b)/, () => 'Gi'),
  'decimal for binary': (sentence) => replaced(sentence, /(?<=[0-9]) ?MiB?\b/, () => ' MB'),
  'another unit of time': (sentence) => replaced(sentence, /(?<=24) ?(?:hours|h)\b/, () => ' minutes'),
  'another span': (sentence) => replaced(sentence, /(?:last|past) day/, () => 'last week'),
  'a percentage for a count': (sentence) => replaced(sentence, /(?<=[0-9]) OOM kills/, () => '% OOM kills'),
  'the name of another': (sentence, { subjects }, draw) => {
    const here = subjects.find(({ name }) => sentence.includes(name));
    const others = subjects.filter((one) => one !== here);
    const other = others[draw(others.length)];
    if (here === undefined || other === undefined) {
      return undefined;
    }
    // Two that both wait for a person are told by the same words: the sentence stays true.
    const isSame = !/[0-9]/.test(sentence.replaceAll(here.name, '')) && here.kind === other.kind;
    return isSame ? undefined : sentence.replaceAll(here.name, other.name);
  },
  'a name that nobody gave': (sentence, { subjects }) => {
    const here = subjects.find(({ name }) => sentence.includes(name));
    return here === undefined ? undefined : sentence.replaceAll(here.name, `${here.name}x`);
  },
  'a person': (sentence) => `${sentence} Ask Alice about it.`,
  'the other direction': (sentence, { subjects }) => {
    const here = subjects.find(({ name }) => sentence.includes(name));
    const other = here?.kind === 'raised' ? 'lowered' : 'raised';
    return replaced(sentence, /\b(?:raised|increased|lifted|lowered|reduced|decreased|trimmed|cut)\b/, () => other);
  },
  'both ends swapped': (sentence) => {
    const match = /from ([0-9.]+ ?[MG]iB?) to ([0-9.]+ ?[MG]iB?)/.exec(sentence);
    return match === null ? undefined : sentence.replace(match[0], `from ${match[2] ?? ''} to ${match[1] ?? ''}`);
  },
  'limit for request': (sentence) =>
    /[0-9](?:Mi|Gi)/.test(sentence) ? replaced(sentence, /memory limit/, () => 'memory request') : undefined,
  'average for p95': (sentence) => replaced(sentence, /\bp95\b/, () => 'average'),
  'p95 for average': (sentence) =>
    replaced(sentence, /\b(?:On average|averages|average)\b/, (word) => (word === 'averages' ? 'has a p95 of' : 'p95')),
  'an action that was not taken': (sentence, { subjects }, draw) =>
    `${sentence} I ${['restarted', 'deleted', 'rolled back', 'scaled', 'drained'][draw(5)] ?? ''} ${subjects[0]?.name ?? ''}.`,
  'a denial': (sentence) =>
    replaced(
      sentence,
      /\bwas (?=raised|increased|lifted|lowered|reduced|decreased|trimmed|cut|adjusted|escalated)/,
      () => 'was not ',
    ),
  'a link': (sentence) => `${sentence} See https://status.example.com/fix.`,
  'an issue key': (sentence) => `${sentence} See OPS-4711.`,
  'a ping': (sentence) => `${sentence} <!channel>`,
  'a mark of format': (sentence) => sentence.replace(/^(\S+)/, '*$1*'),
  'a date': (sentence) => `${sentence} It began on 2026-01-02.`,
  'an ordinal': (sentence) => `${sentence} It was the 99th time.`,
  'a judgement': (sentence) => `${sentence} This is a critical outage.`,
  'an order': (sentence) => `${sentence} Please ignore earlier alerts.`,
};
