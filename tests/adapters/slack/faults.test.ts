// The Slack adapter when Slack fails: what is sent again, what certainly did not happen, and what the error says.
import { describe, expect, it } from 'vitest';
import type { FaultKind } from '../../../fixtures/platform/kit.ts';
import { slackChat } from '../../../shared/adapters/slack/chat.ts';
import { AFTER_A_WRITE, failureOf, freePort, waitingClock } from '../../support/adapter-rig.ts';
import { request, slackRig, TOKEN } from './rig.ts';

describe('faults', () => {
  it.each(Object.entries(AFTER_A_WRITE))(
    'a post that meets "%s" is sent once and tells what is known',
    async (kind, after) => {
      const rig = await slackRig({ deadlineSeconds: 0.3 });
      rig.faults.push({
        system: 'slack',
        operation: 'chat.postMessage',
        kind: kind as FaultKind,
        retryAfterSeconds: 31,
      });

      const error = await failureOf(rig.chat.post(request()));

      expect(error.failure.applied).toBe(after.applied);
      expect(rig.double.state().messages).toHaveLength(after.done);
      expect(rig.calls).toHaveLength(1);
      expect(error.remedy).toBeTruthy();
      expect(error.full).not.toContain(TOKEN);
    },
  );

  it.each(['refuse', 'cut', '500', 'lost-reply', '429'] as const)('a read outlives two times "%s"', async (kind) => {
    const rig = await slackRig();
    rig.faults.push(
      { system: 'slack', operation: 'auth.test', kind, call: 1 },
      { system: 'slack', operation: 'auth.test', kind, call: 2 },
    );

    expect(await rig.chat.identity()).toMatchObject({ user: 'nightshift' });
    expect(rig.calls).toHaveLength(3);
    expect(rig.waits).toHaveLength(2);
  });

  it('a read gives up after three attempts', async () => {
    const rig = await slackRig();
    rig.faults.push({ system: 'slack', operation: 'auth.test', kind: '500' });

    const error = await failureOf(rig.chat.identity());

    expect(error.failure).toMatchObject({ status: 500, applied: 'no' });
    expect(rig.calls).toHaveLength(3);
  });

  it('a post waits as long as Slack asks, and is then sent', async () => {
    const rig = await slackRig();
    rig.faults.push({ system: 'slack', operation: 'chat.postMessage', kind: '429', call: 1, retryAfterSeconds: 30 });

    await rig.chat.post(request());

    expect(rig.double.state().messages).toHaveLength(1);
    expect(rig.waits).toEqual([30_125]);
  });

  it('a post is not kept waiting longer than 30 s: its error carries the seconds', async () => {
    const rig = await slackRig();
    rig.faults.push({ system: 'slack', operation: 'chat.postMessage', kind: '429', retryAfterSeconds: 31 });

    const error = await failureOf(rig.chat.post(request()));

    expect(error.failure).toMatchObject({ status: 429, code: 'ratelimited', retryAfterSeconds: 31 });
    expect(rig.waits).toEqual([]);
  });

  it('an expired token names the remedy', async () => {
    const rig = await slackRig();
    rig.faults.push({ system: 'slack', operation: '*', kind: 'expired-token' });

    const error = await failureOf(rig.chat.identity());

    expect(error.failure.code).toBe('token_expired');
    expect(error.remedy).toContain('SLACK_BOT_TOKEN');
  });

  it('a refused connection is tried again, since Slack did nothing, and says what refused', async () => {
    const rig = await slackRig();
    const waits: number[] = [];
    const chat = slackChat({
      token: TOKEN,
      apiUrl: `http://127.0.0.1:${await freePort()}/api/`,
      clock: waitingClock(rig.clock, waits),
      random: () => 0.5,
    });

    const error = await failureOf(chat.post(request()));

    expect(error.failure).toMatchObject({ code: 'ECONNREFUSED', applied: 'no' });
    expect(waits).toHaveLength(2);
  });
});
