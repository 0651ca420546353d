// A Slack double behind HTTP with the adapter before it, for the tests of this folder.
import { expect } from 'vitest';
import { scenarioClock, type ScenarioClock } from '../../../fixtures/platform/clock.ts';
import { serve, type Fault, type RecordedCall } from '../../../fixtures/platform/kit.ts';
import { slackDouble, type SlackDouble, type SlackOptions } from '../../../fixtures/platform/slack/slack.ts';
import { validate } from '../../../fixtures/platform/spec-check.ts';
import { slackChat } from '../../../shared/adapters/slack/chat.ts';
import { bold, code, paragraph, text, type Message } from '../../../shared/core/document.ts';
import type { Chat, ChatPost } from '../../../shared/ports/chat.ts';
import { afterTest, waitingClock } from '../../support/adapter-rig.ts';

export const TOKEN = 'xoxb-test-token';
export const START = '2026-01-15T12:00:00.000Z';
export const OPS = 'C0000000OPS';

export interface Rig {
  readonly chat: Chat;
  readonly double: SlackDouble;
  readonly clock: ScenarioClock;
  readonly calls: RecordedCall[];
  readonly faults: Fault[];
  /** Milliseconds of each wait of the adapter. */
  readonly waits: number[];
  readonly url: string;
}

export interface RigOptions extends Partial<SlackOptions> {
  /** The adapter's, when it is another than the double's. */
  readonly adapterToken?: string;
  readonly deadlineSeconds?: number;
}

export async function slackRig({ adapterToken, deadlineSeconds, ...double }: RigOptions = {}): Promise<Rig> {
  const clock = scenarioClock(START);
  const faults: Fault[] = [];
  const calls: RecordedCall[] = [];
  const slack = slackDouble({
    clock,
    token: TOKEN,
    channels: [
      { id: OPS, name: 'ops', private: false, member: true, archived: false },
      { id: 'C00000SECRET', name: 'secret', private: true, member: true, archived: false },
      { id: 'C00000OTHERS', name: 'others', private: false, member: false, archived: false },
      { id: 'C000000OLDER', name: 'older', private: false, member: true, archived: true },
    ],
    ...double,
  });
  const running = await serve(slack, {
    clock,
    faults,
    calls,
    validate: (request, reply) => validate('slack', request, reply),
  });
  afterTest(async () => {
    await running.close();
    expect(calls.flatMap(({ violations }) => violations)).toEqual([]);
  });
  const waits: number[] = [];
  const chat = slackChat({
    token: adapterToken ?? TOKEN,
    apiUrl: `${running.url}/api`,
    clock: waitingClock(clock, waits),
    random: () => 0.5,
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
  });
  return { chat, double: slack, clock, calls, faults, waits, url: running.url };
}

const MESSAGE: Message = {
  title: '✅ Resource Rebalance Completed',
  blocks: [
    { kind: 'code', text: '{"namespace":"shop","note":"a < b & c"}' },
    paragraph(text('pod '), code('cart-1'), text(': '), bold('raised'), text(', see '), { issue: 'f1', text: 'issue' }),
  ],
};

export function request(overrides: Partial<ChatPost> = {}): ChatPost {
  return { channel: '#ops', marker: 'entry-1', message: MESSAGE, links: {}, ...overrides };
}
