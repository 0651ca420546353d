// A runtime over a real store and small scripted ports, for tests of executor, outbox and run. Time moves when somebody waits.
import { pino } from 'pino';
import { z } from 'zod';
import type { ActionKind } from '../../shared/actions/kind.ts';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import type { ActionProposal } from '../../shared/core/action.ts';
import type { Decision } from '../../shared/core/decision.ts';
import { PlatformError } from '../../shared/core/errors.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { type Policy, TeamPolicy } from '../../shared/core/policy.ts';
import type { Chat, ChatPost, Posted } from '../../shared/ports/chat.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Ports } from '../../shared/ports/ports.ts';
import type { Store } from '../../shared/ports/store.ts';
import type { Issue, IssueDraft, Tracker } from '../../shared/ports/tracker.ts';
import type { Surroundings } from '../../shared/runtime/context.ts';
import type { Duty } from '../../shared/runtime/duty.ts';

export const START = '2026-03-04T10:00:00.000Z';

export interface TestClock extends Clock {
  advance(milliseconds: number): void;
}

export function testClock(): TestClock {
  let now = Date.parse(START);
  return {
    now: () => new Date(now),
    advance(milliseconds) {
      now += milliseconds;
    },
    sleep: async (milliseconds) => {
      now += milliseconds;
      await Promise.resolve();
    },
  };
}

/** What happens to a call: it works, it is refused, its reply is lost after the effect, or the call never arrives. */
export type Fate = 'works' | 'refused' | 'reply lost' | 'never arrived';

export function fail(applied: 'no' | 'unknown', code?: string): PlatformError {
  return new PlatformError(
    { system: 'Test', operation: 'call', target: 'thing', applied, ...(code === undefined ? {} : { code }) },
    applied === 'no' ? 'it said no' : 'no reply came',
  );
}

/** Lets `effect` happen, or not, as fate says. */
export function meet<T>(fate: Fate, effect: () => T): T {
  if (fate === 'refused') {
    throw fail('no');
  }
  if (fate === 'never arrived') {
    throw fail('unknown');
  }
  const result = effect();
  if (fate === 'reply lost') {
    throw fail('unknown');
  }
  return result;
}

/** A platform of numbered things, each with a size, changed by the action kind `test.size`. */
export interface Things {
  readonly sizes: Map<string, number>;
  /** Every effect that took place, in order. */
  readonly effects: string[];
  fates: Fate[];
  lookFails: boolean;
  /** What a judge finds once a change has settled. */
  harm: 'none' | 'undo' | 'escalate' | 'no-data';
}

export function testThings(sizes: Readonly<Record<string, number>>): Things {
  return { sizes: new Map(Object.entries(sizes)), effects: [], fates: [], lookFails: false, harm: 'none' };
}

const Target = z.strictObject({ thing: z.string(), cluster: z.string(), namespace: z.string() });
const Change = z.strictObject({ size: z.number() });

export function sizeKind(things: Things, guardedByPlatform = true): ActionKind {
  const thing = (action: ActionProposal): string => Target.parse(action.target).thing;
  return {
    kind: 'test.size',
    target: Target,
    change: Change,
    guardedByPlatform,
    look: async (_ports, action) => {
      await Promise.resolve();
      if (things.lookFails) {
        throw fail('no');
      }
      const size = things.sizes.get(thing(action));
      const found = `It has ${String(size)}.`;
      if (size === undefined) {
        return { at: 'gone', found };
      }
      return { at: size === action.from['size'] ? 'from' : size === action.to['size'] ? 'to' : 'elsewhere', found };
    },
    apply: async (_ports, action) => {
      await Promise.resolve();
      return meet(things.fates.shift() ?? 'works', () => {
        if (guardedByPlatform && things.sizes.get(thing(action)) !== action.from['size']) {
          throw fail('no', 'Conflict');
        }
        things.sizes.set(thing(action), action.to['size'] as number);
        things.effects.push(`${thing(action)}=${String(action.to['size'])}`);
        return 'done';
      });
    },
    inverse: (action) => ({ kind: action.kind, target: action.target, from: action.to, to: action.from }),
    growth: (action) => ({ step: (action.to['size'] as number) / (action.from['size'] as number), total: undefined }),
    observe: (_ports, _team, action) => Promise.resolve({ size: things.sizes.get(thing(action)) ?? null }),
    judge: () => ({
      verdict: things.harm === 'none' ? 'kept' : things.harm,
      rule: `verify/${things.harm}`,
      sentence: `Harm: ${things.harm}.`,
      evidence: {},
    }),
    describe: (action) => `${thing(action)} ${String(action.from['size'])} → ${String(action.to['size'])}`,
  };
}

export function sizeDecision(thing: string, from: number, to: number): Decision {
  return {
    subject: { namespace: 'shop', thing },
    verdict: 'act',
    reason: { rule: 'test/grow', label: 'too small', sentence: `${thing} is too small.`, evidence: { from, to } },
    action: {
      kind: 'test.size',
      target: { cluster: 'prod', namespace: 'shop', thing },
      from: { size: from },
      to: { size: to },
      guard: { names: [thing], labels: {}, workload: `Thing/${thing}`, workloadSize: 1, touches: 1 },
    },
  };
}

export interface TestChat extends Chat {
  readonly messages: { channel: string; id: string; request: ChatPost; edits: number; files: string[] }[];
  readonly whispers: { user: string; text: string }[];
  /** Members of groups; one that is not here fails. */
  readonly groups: Map<string, readonly string[]>;
  fates: Fate[];
}

export function testChat(): TestChat {
  const messages: TestChat['messages'] = [];
  const url = (id: string): string => `https://chat.example/${id}`;
  const chat: TestChat = {
    messages,
    whispers: [],
    groups: new Map(),
    fates: [],
    post: (request) =>
      settle(() =>
        meet(chat.fates.shift() ?? 'works', (): Posted => {
          const id = String(messages.length + 1);
          messages.push({ channel: request.channel, id, request, edits: 0, files: [] });
          return { id, channel: request.channel, url: url(id) };
        }),
      ),
    edit: (posted, request) =>
      settle(() =>
        meet(chat.fates.shift() ?? 'works', () => {
          const message = messages.find((one) => one.id === posted.id);
          if (message !== undefined) {
            message.request = request;
            message.edits += 1;
          }
          return posted;
        }),
      ),
    find: ({ marker }) =>
      settle(() => {
        const found = messages.find((one) => one.request.marker === marker);
        return found === undefined ? undefined : { id: found.id, channel: found.channel, url: url(found.id) };
      }),
    upload: ({ thread, marker }) =>
      settle(() =>
        meet(chat.fates.shift() ?? 'works', () => {
          messages.find((one) => one.id === thread.id)?.files.push(marker);
          return thread;
        }),
      ),
    findFile: ({ thread, marker }) =>
      settle(() =>
        messages.find((one) => one.id === thread.id)?.files.includes(marker) === true ? thread : undefined,
      ),
    whisper: ({ user, line }) =>
      settle(() => {
        meet(chat.fates.shift() ?? 'works', () =>
          chat.whispers.push({ user, text: line.map((span) => span.text).join('') }),
        );
      }),
    members: (group) =>
      settle(() => {
        const found = chat.groups.get(group);
        if (found === undefined) {
          throw fail('no');
        }
        return found;
      }),
    identity: () => settle(() => ({ team: 'T', user: 'U', scopes: [] })),
  };
  return chat;
}

function settle<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}

export interface TestTracker extends Tracker {
  readonly issues: { issue: Issue; draft: IssueDraft; comments: string[]; searchableAt: number; open: boolean }[];
  fates: Fate[];
  /** How long the search does not show a new issue. */
  lagSeconds: number;
}

export function testTracker(clock: Clock): TestTracker {
  const issues: TestTracker['issues'] = [];
  const byKey = (key: string): TestTracker['issues'][number] | undefined => issues.find((one) => one.issue.key === key);
  const tracker: TestTracker = {
    issues,
    fates: [],
    lagSeconds: 0,
    findOpen: ({ fingerprint }) =>
      settle(() =>
        issues
          .filter(
            (one) => one.open && one.draft.fingerprint === fingerprint && one.searchableAt <= clock.now().getTime(),
          )
          .map((one) => one.issue),
      ),
    read: (key) =>
      settle(() => {
        const found = byKey(key);
        return found === undefined ? undefined : { ...found.issue, open: found.open };
      }),
    create: (draft) =>
      settle(() =>
        meet(tracker.fates.shift() ?? 'works', () => {
          const key = `OPS-${String(issues.length + 1)}`;
          const issue = {
            key,
            url: `https://tracker.example/browse/${key}`,
            open: true,
            createdAt: clock.now().toISOString(),
          };
          issues.push({
            issue,
            draft,
            comments: [],
            searchableAt: clock.now().getTime() + tracker.lagSeconds * 1000,
            open: true,
          });
          return issue;
        }),
      ),
    comment: ({ key, marker }) =>
      settle(() => {
        meet(tracker.fates.shift() ?? 'works', () => byKey(key)?.comments.push(marker));
      }),
    hasComment: ({ key, marker }) => settle(() => byKey(key)?.comments.includes(marker) === true),
    closeAsDuplicate: ({ duplicate }) =>
      settle(() => {
        const found = byKey(duplicate);
        if (found !== undefined) {
          found.open = false;
        }
      }),
    identity: () => settle(() => ({ user: 'U', permissions: [] })),
  };
  return tracker;
}

export interface TestRuntime {
  readonly clock: TestClock;
  readonly store: Store;
  readonly chat: TestChat;
  readonly tracker: TestTracker;
  readonly things: Things;
  readonly team: TeamPolicy;
  readonly policy: Policy<unknown>;
  readonly surroundings: Surroundings;
}

export interface TestRuntimeOptions {
  readonly things?: Things;
  readonly store?: Store;
  readonly clock?: TestClock;
  readonly team?: Partial<z.input<typeof TeamPolicy>>;
  readonly onStep?: Surroundings['onStep'];
  readonly guardedByPlatform?: boolean;
  readonly ids?: string;
  readonly mask?: Surroundings['mask'];
  readonly surroundings?: Partial<Surroundings>;
}

export function testRuntime(options: TestRuntimeOptions = {}): TestRuntime {
  const clock = options.clock ?? testClock();
  const store = options.store ?? sqliteStore({ path: ':memory:', clock });
  const chat = testChat();
  const tracker = testTracker(clock);
  const things = options.things ?? testThings({ a: 100 });
  const team = TeamPolicy.parse({
    version: 1,
    modes: [{ action: '*', mode: 'auto' }],
    chat: { slack: { channel: '#ops' } },
    tracker: { jira: { url: 'https://tracker.example', project: 'OPS' } },
    ...options.team,
  });
  let runs = 0;
  const ports: Ports = {
    cluster: unused,
    metrics: unused,
    chat,
    tracker,
    ...{ ci: undefined, queue: undefined, model: undefined, picture: undefined },
    store,
    clock,
    ids: {
      next() {
        runs += 1;
        return `${options.ids ?? 'run'}-${String(runs)}`;
      },
    },
  };
  const kind = sizeKind(things, options.guardedByPlatform ?? true);
  return {
    clock,
    store,
    chat,
    tracker,
    things,
    team,
    policy: { team, duty: {} },
    surroundings: {
      ports,
      kinds: new Map([[kind.kind, kind]]),
      team,
      log: pino({ level: 'silent' }),
      mask: options.mask ?? ((text) => text),
      ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
      ...options.surroundings,
    },
  };
}

function unused(name: string): never {
  throw new Error(`cluster ${name} is not part of this test`);
}

/** A duty that looks at the things and wants each to have the size that `want` says; a size of 0 is escalated. */
export function sizeDuty(things: Things, want: Readonly<Record<string, number>>): Duty {
  return {
    name: 'test',
    scope: z.strictObject({ cluster: z.string(), namespace: z.string() }) as unknown as z.ZodType<JsonObject>,
    policy: z.unknown(),
    facts: z.strictObject({ now: z.string(), sizes: z.record(z.string(), z.number()) }),
    actionKinds: ['test.size'],
    scopes: () => [{ cluster: 'prod', namespace: 'shop' }],
    observe: async ({ now }) => {
      await Promise.resolve();
      return { now, sizes: Object.fromEntries(things.sizes) };
    },
    problems: () => [],
    decide(facts) {
      const { sizes } = facts as { sizes: Record<string, number> };
      return Object.entries(want).flatMap(([thing, size]) => {
        const there = sizes[thing];
        if (there === undefined || there === size) {
          return [];
        }
        return size === 0 ? [escalated(thing)] : [sizeDecision(thing, there, size)];
      });
    },
    report: ({ decided }) => ({
      summary: {
        things: decided.map(
          (one) => `${one.decision.subject['thing'] ?? ''}: ${one.outcome?.state ?? one.decision.verdict}`,
        ),
      },
      message: { title: 'Things', blocks: [] },
    }),
  };
}

function escalated(thing: string): Decision {
  return {
    subject: { namespace: 'shop', thing },
    verdict: 'escalate',
    reason: { rule: 'test/odd', label: 'odd', sentence: `${thing} is odd.`, evidence: {} },
    escalation: { about: { rule: 'test/odd', thing }, title: `${thing} is odd`, body: [] },
  };
}
