// The rows of a message that people can decide on, as they stand when it is sent: what is decided is told in their place.
import type { ActionRecord } from '../core/action.ts';
import type { Block, Button, Line, Message } from '../core/document.ts';
import { text } from '../core/document.ts';
import { actionLine } from './action-line.ts';
import type { Store } from '../ports/store.ts';
import { personName } from './person.ts';

type ButtonRow = Extract<Block, { readonly kind: 'buttons' }>;

/** One waiting action. */
export function approvalRow(id: string, line: Line): ButtonRow {
  return {
    kind: 'buttons',
    line,
    buttons: [
      { label: 'Approve', style: 'primary', value: { verb: 'approve', id } },
      { label: 'Decline', value: { verb: 'decline', id } },
    ],
  };
}

/** One applied action. */
export function undoRow(id: string, line: Line): ButtonRow {
  return { kind: 'buttons', line, buttons: [undoButton(id)] };
}

function undoButton(id: string): Button {
  return {
    label: 'Undo',
    style: 'danger',
    confirm: 'The change is taken back, if its target still is as it was left.',
    value: { verb: 'undo', id },
  };
}

/** Stops every change of a scope. */
export function pauseRow(key: string, line: Line): ButtonRow {
  const confirm = 'Nothing is changed there any more until somebody resumes. Looking and telling go on.';
  return {
    kind: 'buttons',
    line,
    buttons: [{ label: 'Pause', style: 'danger', confirm, value: { verb: 'pause', id: key } }],
  };
}

/** The message as it is to be shown now. Reads one document for each row and each line of a change. */
export async function messageNow(store: Store, entryId: string, message: Message): Promise<Message> {
  const blocks = await Promise.all(message.blocks.map((block) => blockNow(store, entryId, block)));
  return { ...message, blocks };
}

async function blockNow(store: Store, entryId: string, block: Block): Promise<Block> {
  switch (block.kind) {
    case 'buttons':
      return rowNow(store, entryId, block);
    case 'action':
      return {
        kind: 'paragraph',
        line: [...block.line, ...actionLine((await store.read<ActionRecord>('actions', block.action))?.data)],
      };
    case 'paragraph':
    case 'list':
    case 'code':
    case 'table':
      return block;
  }
}

async function rowNow(store: Store, entryId: string, row: ButtonRow): Promise<Block> {
  const value = row.buttons[0]?.value;
  switch (value?.verb) {
    case 'approve':
    case 'decline':
    case 'undo':
      return actionRow(row, (await store.read<ActionRecord>('actions', value.id))?.data);
    case 'resume': {
      const pause = await store.read<{ readonly notice?: string }>('pauses', value.id);
      return pause?.data.notice === entryId ? row : { kind: 'paragraph', line: [...row.line, text(' It is over.')] };
    }
    case 'pause':
    case undefined:
      return row;
  }
}

function actionRow(row: ButtonRow, action: ActionRecord | undefined): Block {
  const told = (...more: string[]): Block => ({
    kind: 'paragraph',
    line: [...row.line, text(` ${more.filter((part) => part !== '').join(' ')}`)],
  });
  if (action === undefined) {
    // Retention took it away: long over.
    return { kind: 'paragraph', line: row.line };
  }
  const approved = action.approvedBy === undefined ? '' : `Approved by ${personName(action.approvedBy)}:`;
  const outcome = action.outcome ?? '';
  switch (action.state) {
    case 'waiting':
      return row;
    case 'intended':
      return told('⏳', approved, 'being carried out.');
    case 'applied':
    case 'settled': {
      const tells = action.state === 'settled' && outcome.startsWith('Escalated') ? outcome : '';
      const line = [
        ...row.line,
        text(` ${['✅', approved, 'applied.', tells].filter((part) => part !== '').join(' ')}`),
      ];
      return 'none' in action.inverse ? { kind: 'paragraph', line } : { ...undoRow(action.id, line) };
    }
    case 'undone':
      return told('↩️', outcome);
    case 'declined':
      return told('❌', outcome);
    case 'expired':
      return told('⌛ Expired.', outcome);
    case 'stale':
    case 'failed':
    case 'unknown':
      return told('⚠️', approved, `${action.state}.`, outcome);
  }
}
