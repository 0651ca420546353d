// What the outbox does where the chat can only post and the tracker can only create: each is done once, or a person looks.
import { describe, expect, test } from 'vitest';
import { paragraph, text } from '../../shared/core/document.ts';
import { PlatformError } from '../../shared/core/errors.ts';
import { deliverOne, drainOutbox } from '../../shared/runtime/outbox.ts';
import type { IssueEntry, MessageEntry, OutboxEntry } from '../../shared/runtime/outbox-entry.ts';
import { START, testRuntime, type TestRuntime } from '../support/runtime.ts';

interface Sent {
  readonly posts: string[];
  readonly issues: string[];
}

/** A platform that can send and nothing else, whose first reply is lost; `knowsMarkers` makes a repeat harmless. */
function sendOnly(runtime: TestRuntime, knowsMarkers: boolean): Sent {
  const sent: Sent = { posts: [], issues: [] };
  let lost = 1;
  const loseFirst = (): void => {
    if (lost > 0) {
      lost -= 1;
      throw new PlatformError(
        { system: 'MCP', operation: 'call', target: 'x', applied: 'unknown', code: 'CLOSED' },
        'no reply came',
      );
    }
  };
  const add = (list: string[], marker: string): void => {
    if (!knowsMarkers || !list.includes(marker)) {
      list.push(marker);
    }
  };
  const look = <T>(nothing: T): Promise<T> =>
    knowsMarkers
      ? Promise.resolve(nothing)
      : Promise.reject(
          new PlatformError(
            { system: 'MCP', operation: 'find', target: 'x', applied: 'no', code: 'CANNOT_LOOK' },
            'it cannot be asked',
          ),
        );
  const never = (): Promise<never> => Promise.reject(new Error('not offered'));
  Object.assign(runtime.surroundings.ports, {
    chat: {
      isPostOnly: true,
      post: async ({ marker, channel }: { marker: string; channel: string }) => {
        add(sent.posts, marker);
        await Promise.resolve();
        loseFirst();
        return { id: '1', channel, url: 'https://chat.example/1' };
      },
      find: () => look(undefined),
      edit: never,
      upload: never,
      findFile: never,
      identity: never,
    },
    tracker: {
      isCreateOnly: true,
      create: async ({ fingerprint }: { fingerprint: string }) => {
        add(sent.issues, fingerprint);
        await Promise.resolve();
        loseFirst();
        return { key: 'OPS-1', url: 'https://tracker.example/OPS-1', open: true, createdAt: START };
      },
      findOpen: () => look([]),
      read: never,
      comment: never,
      hasComment: never,
      closeAsDuplicate: never,
      identity: never,
    },
  });
  return sent;
}

const BASE = { runId: 'r', createdAt: START, state: 'pending', dueAt: START, attempts: 0 } as const;
const MESSAGE: MessageEntry = {
  ...BASE,
  id: 'r-message',
  kind: 'message',
  channel: '#ops',
  message: { title: 'hello', blocks: [], file: { name: 'a.json', title: 'a', content: '{}' } },
  issues: ['gone'],
  waitUntil: START,
};
const ISSUE: IssueEntry = {
  ...BASE,
  id: 'r-issue',
  kind: 'issue',
  draft: { project: 'OPS', issueType: 'Task', fingerprint: 'f', title: 't', body: [paragraph(text('b'))], labels: [] },
};

function drainOf({ surroundings }: TestRuntime): Parameters<typeof drainOutbox>[0] {
  const { ports, log, mask, kinds, team } = surroundings;
  return { ports, log, mask, kinds, team };
}

describe.each([
  ['message', MESSAGE],
  ['issue', ISSUE],
] as const)('a %s whose reply was lost', (kind, entry: OutboxEntry) => {
  const sentOf = (sent: Sent): string[] => (kind === 'message' ? sent.posts : sent.issues);

  test('is not sent again where nobody can look: it fails, and says to look by hand', async () => {
    const runtime = testRuntime();
    const sent = sendOnly(runtime, false);
    const drain = drainOf(runtime);
    expect(await deliverOne(drain, entry, 0)).toMatchObject({
      state: 'pending',
      lastError: expect.stringContaining('no reply') as unknown,
    });
    runtime.clock.advance(3_600_000);
    await drainOutbox(drain);
    runtime.clock.advance(3_600_000);
    await drainOutbox(drain);
    expect(sentOf(sent)).toHaveLength(1);
    const stored = await runtime.store.read<OutboxEntry>('outbox', entry.id);
    expect(stored?.data).toMatchObject({
      state: 'failed',
      lastError: expect.stringContaining('it cannot be asked') as unknown,
    });
  });

  test('is sent again under its marker where the other side knows it, and is one', async () => {
    const runtime = testRuntime();
    const sent = sendOnly(runtime, true);
    const drain = drainOf(runtime);
    await deliverOne(drain, entry, 0);
    runtime.clock.advance(3_600_000);
    await drainOutbox(drain);
    expect(sentOf(sent)).toHaveLength(1);
    expect((await runtime.store.read<OutboxEntry>('outbox', entry.id))?.data.state).toBe('delivered');
  });
});

test('an issue that was opened once is not opened again, nor commented', async () => {
  const runtime = testRuntime();
  const sent = sendOnly(runtime, true);
  const drain = drainOf(runtime);
  await deliverOne(drain, ISSUE, 0);
  runtime.clock.advance(3_600_000);
  await drainOutbox(drain);
  const at = runtime.clock.now().toISOString();
  const again = await deliverOne(drain, { ...ISSUE, id: 'later-issue', runId: 'later', createdAt: at, dueAt: at }, 0);
  expect([again.state, again.url, sent.issues.length]).toEqual(['delivered', 'https://tracker.example/OPS-1', 1]);
});
