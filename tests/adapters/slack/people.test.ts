// A word to one person, and who is in a group: through the adapter to the double, and when Slack fails.
import { describe, expect, it } from 'vitest';
import type { FaultKind } from '../../../fixtures/platform/kit.ts';
import { text } from '../../../shared/core/document.ts';
import type { ChatWhisper } from '../../../shared/ports/chat.ts';
import { AFTER_A_WRITE, failureOf } from '../../support/adapter-rig.ts';
import { OPS, request, slackRig, TOKEN } from './rig.ts';

const WORD: ChatWhisper = { channel: OPS, user: 'U0ALICE', line: [text('<!here> *no* `x` & <@U1>')], thread: null };
const GROUPS = { S0OPS000: ['U0ALICE', 'U0BOB000'] };

describe('a whisper', () => {
  it('is shown to one person, as text', async () => {
    const rig = await slackRig();
    await rig.chat.whisper(WORD);
    expect(rig.double.state().whispers).toMatchObject([{ channel: OPS, user: 'U0ALICE' }]);
    expect(rig.double.state().whispers[0]?.text).not.toMatch(/<!|<@|\*no\*|`/);
    expect(rig.double.state().messages).toEqual([]);
  });

  it('to somebody who left says so, and nobody else is told', async () => {
    const rig = await slackRig({ away: ['U0ALICE'] });
    const error = await failureOf(rig.chat.whisper(WORD));
    expect(error.failure).toMatchObject({ code: 'user_not_in_channel', applied: 'no' });
    expect(error.remedy).toContain('left the channel');
  });

  it('of any length fits', async () => {
    const rig = await slackRig();
    await rig.chat.whisper({ ...WORD, line: [text('&'.repeat(10_000))] });
    expect(rig.double.state().whispers).toHaveLength(1);
  });

  it.each(Object.entries(AFTER_A_WRITE))(
    'that meets "%s" is sent once and tells what is known',
    async (kind, after) => {
      const rig = await slackRig({ deadlineSeconds: 0.3 });
      rig.faults.push({
        system: 'slack',
        operation: 'chat.postEphemeral',
        kind: kind as FaultKind,
        retryAfterSeconds: 31,
      });
      const error = await failureOf(rig.chat.whisper(WORD));
      expect(error.failure.applied).toBe(after.applied);
      expect(rig.double.state().whispers).toHaveLength(after.done);
      expect(error.full).not.toContain(TOKEN);
    },
  );
});

describe('the members of a group', () => {
  it('are their ids', async () => {
    const rig = await slackRig({ groups: GROUPS });
    expect(await rig.chat.members('S0OPS000')).toEqual(['U0ALICE', 'U0BOB000']);
  });

  it.each([
    ['a group that is not there', { groups: GROUPS }, 'S0GONE00', 'no_such_subteam', 'approvers'],
    [
      'a scope that is missing',
      { groups: GROUPS, scopes: ['chat:write'] },
      'S0OPS000',
      'missing_scope',
      'usergroups:read',
    ],
  ])('with %s tell what to do', async (_name, options, group, code, remedy) => {
    const rig = await slackRig(options);
    const error = await failureOf(rig.chat.members(group));
    expect(error.failure.code).toBe(code);
    expect(error.full).toContain(remedy);
  });

  it.each(['refuse', 'cut', '500', 'lost-reply', '429'] as const)('outlive two times "%s"', async (kind) => {
    const rig = await slackRig({ groups: GROUPS });
    rig.faults.push(
      { system: 'slack', operation: 'usergroups.users.list', kind, call: 1 },
      { system: 'slack', operation: 'usergroups.users.list', kind, call: 2 },
    );
    expect(await rig.chat.members('S0OPS000')).toHaveLength(2);
  });
});

describe('a message with buttons', () => {
  it('goes out, is edited, and what is clicked on it is what was put there', async () => {
    const rig = await slackRig();
    const id = 'a'.repeat(64);
    const row = {
      kind: 'buttons' as const,
      line: [text('Raise <it>?')],
      buttons: [
        { label: 'Approve', style: 'primary' as const, value: { verb: 'approve' as const, id } },
        { label: 'Undo', style: 'danger' as const, confirm: 'Really?', value: { verb: 'undo' as const, id } },
      ],
    };
    const posted = await rig.chat.post(request({ message: { title: 't', blocks: [row, row] } }));
    expect(rig.double.click({ label: 'Undo', place: 1 })).toMatchObject({
      type: 'block_actions',
      actions: [{ action_id: 'nightshift.undo', value: `undo:${id}` }],
    });
    await rig.chat.edit(posted, request({ message: { title: 't', blocks: [{ kind: 'paragraph', line: row.line }] } }));
    expect(() => rig.double.click({ label: 'Approve' })).toThrow('no button');
  });
});
