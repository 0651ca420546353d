// Clicks over a socket that we open: stored before they are acknowledged, and a connection that ends is opened anew.
import { afterEach, describe, expect, it } from 'vitest';
import { scenarioClock } from '../../../fixtures/platform/clock.ts';
import { serve, type RecordedCall } from '../../../fixtures/platform/kit.ts';
import { slackDouble, type SlackDouble } from '../../../fixtures/platform/slack/slack.ts';
import { validate } from '../../../fixtures/platform/spec-check.ts';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { slackSocket } from '../../../shared/adapters/slack/socket.ts';
import type { TakenEvent } from '../../../shared/ports/sender.ts';
import { OPS, START, TOKEN } from './rig.ts';

const APP_TOKEN = 'xapp-test-token';
const CLICK = {
  type: 'block_actions',
  trigger_id: '1.2.abc',
  user: { id: 'U0ALICE', username: 'alice' },
  container: { type: 'message', message_ts: '1.000100', channel_id: OPS },
  actions: [{ type: 'button', action_id: 'nightshift.approve', value: `approve:${'a'.repeat(64)}` }],
};

interface Rig {
  readonly double: SlackDouble;
  readonly taken: TakenEvent[];
  readonly told: string[];
  readonly calls: readonly RecordedCall[];
  /** What `take` does with the next events. */
  readonly fates: ('works' | 'fails')[];
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) {
    await close();
  }
});

async function rig(appToken = APP_TOKEN): Promise<Rig> {
  const calls: RecordedCall[] = [];
  const clock = scenarioClock(START);
  const double = slackDouble({
    clock,
    token: TOKEN,
    appToken: APP_TOKEN,
    channels: [{ id: OPS, name: 'ops', private: false, member: true, archived: false }],
  });
  const running = await serve(double, {
    clock,
    faults: [],
    calls,
    validate: (request, reply) => validate('slack', request, reply),
  });
  const at: Rig = { double, taken: [], told: [], calls, fates: [] };
  const stop = new AbortController();
  const listening = slackSocket({
    appToken,
    apiUrl: `${running.url}/api/`,
    // Only the pauses between two connections are waited for, and they are short here.
    clock: {
      now: () => clock.now(),
      sleep: (ms, signal) => systemClock.sleep(Math.min(ms, ms >= 30_000 ? ms : 20), signal),
    },
    random: () => 0.5,
    tell: (_level, message) => at.told.push(message),
  }).listen(async (event) => {
    await Promise.resolve();
    if (at.fates.shift() === 'fails') {
      throw new Error('the store is down');
    }
    at.taken.push(event);
  }, stop.signal);
  closing.push(async () => {
    stop.abort();
    await listening;
    await running.close();
    expect(calls.flatMap(({ violations }) => violations)).toEqual([]);
  });
  return at;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a socket', () => {
  it('takes a click and acknowledges it', async () => {
    const at = await rig();
    await at.double.sockets.opened();
    await at.double.sockets.push('interactive', CLICK);
    expect(at.taken).toMatchObject([{ deliveryId: '1.2.abc', event: { kind: 'click', user: { id: 'U0ALICE' } } }]);
  });

  it('acknowledges nothing that could not be stored', async () => {
    const at = await rig();
    at.fates.push('fails');
    await at.double.sockets.opened();
    const pushed = at.double.sockets.push('interactive', CLICK).then(
      () => 'acknowledged',
      () => 'lost',
    );
    await until(() => at.told.some((line) => line.includes('the store is down')));
    at.double.sockets.cut();
    expect(await pushed).toBe('lost');
  });

  it.each([
    ['an event that nobody waits for', 'events_api', { event: { type: 'app_mention' } }],
    ['a click that makes no sense', 'interactive', { type: 'block_actions' }],
    ['a button of somebody else', 'interactive', { ...CLICK, actions: [{ action_id: 'x', value: 'y' }] }],
  ] as const)('acknowledges %s and takes nothing', async (_name, type, payload) => {
    const at = await rig();
    await at.double.sockets.opened();
    await at.double.sockets.push(type, payload);
    expect(at.taken).toEqual([]);
  });

  it.each(['cut', 'refresh'] as const)('that is ended by "%s" is opened anew', async (how) => {
    const at = await rig();
    await at.double.sockets.opened();
    at.double.sockets[how]();
    await until(() => at.double.sockets.connections === 0);
    await at.double.sockets.opened();
    await at.double.sockets.push('interactive', CLICK);
    expect(at.taken).toHaveLength(1);
  });

  it('outlives nonsense on the wire', async () => {
    const at = await rig();
    await at.double.sockets.opened();
    at.double.sockets.say('{');
    at.double.sockets.say('{"type":"other"}');
    at.double.sockets.say('{"envelope_id":"1","type":"interactive"}');
    await at.double.sockets.push('interactive', CLICK);
    expect(at.taken).toHaveLength(1);
  });

  it('with a wrong token goes on trying and says what to check', async () => {
    const at = await rig('xapp-wrong');
    await until(() => at.told.length >= 2);
    expect(at.told[0]).toContain('SLACK_APP_TOKEN');
    expect(at.told.join()).not.toContain('xapp-wrong');
  });
});
