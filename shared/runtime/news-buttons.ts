// What of a run people may decide on by a button: few rows, the waiting ones first, and nothing where nobody may decide.
import type { ActionRecord } from '../core/action.ts';
import { hasApprovers, PAUSE } from '../core/approver.ts';
import { type Block, code, type Line, text } from '../core/document.ts';
import { placeOf } from '../core/guardrail.ts';
import type { DecidedOutcome } from '../core/report.ts';
import { approvalRow, pauseRow, undoRow } from './buttons.ts';
import type { RunContext } from './context.ts';
import type { MessageEntry } from './outbox-entry.ts';
import { messageOf } from './wake.ts';

/** More rows than that nobody reads one by one; the command line shows all. Slack takes 50 blocks, a row is two. */
const MOST_ROWS = 10;
const MOST_OLDER = 10;

export interface ButtonsInput {
  readonly decided: readonly DecidedOutcome[];
  readonly isPaused: boolean;
  readonly hasProblems: boolean;
}

export async function buttonBlocks(context: RunContext, input: ButtonsInput): Promise<readonly Block[]> {
  const rows: Block[] = [];
  const older: Line[] = [];
  let left = 0;
  const inOrder = [...rowsOf(input.decided, 'waiting'), ...rowsOf(input.decided, 'applied')];
  for (const { id, state, line, kind } of inOrder) {
    if (!hasApprovers(context.team, kind, placeOf(context.scope, line.decision.action?.target))) {
      continue;
    }
    if (state === 'applied') {
      left += Number(rows.length >= MOST_ROWS);
      rows.push(
        ...(rows.length < MOST_ROWS ? [undoRow(id, [code(describe(context, line)), text(' was applied.')])] : []),
      );
      continue;
    }
    // One message only offers an action, the first: each of the others would have to be edited when it is decided.
    const action = await context.ports.store.read<ActionRecord>('actions', id);
    if (action === undefined || action.data.runId === context.runId) {
      left += Number(rows.length >= MOST_ROWS);
      const words = [code(describe(context, line)), text(` ${line.decision.reason.sentence}`)];
      rows.push(...(rows.length < MOST_ROWS ? [approvalRow(id, words)] : []));
    } else if (older.length < MOST_OLDER) {
      older.push(await olderLine(context, action.data));
    } else {
      left += 1;
    }
  }
  const canPause =
    !input.isPaused &&
    (rows.length > 0 || input.hasProblems) &&
    hasApprovers(context.team, PAUSE, placeOf(context.scope));
  return [
    ...rows,
    ...(older.length === 0 ? [] : [{ kind: 'list' as const, lines: older }]),
    ...(left === 0 ? [] : [moreLine(left)]),
    ...(canPause ? [pauseRow(context.scopeKey, [text(`To stop every change in ${context.scopeKey} at once:`)])] : []),
  ];
}

interface Candidate {
  readonly id: string;
  readonly state: 'waiting' | 'applied';
  readonly kind: string;
  readonly line: DecidedOutcome;
}

/** One for each action: decisions may share one. */
function rowsOf(decided: readonly DecidedOutcome[], state: Candidate['state']): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const line of decided) {
    const { decision, outcome } = line;
    if (outcome?.state === state && outcome.actionId !== undefined && decision.action !== undefined) {
      found.set(outcome.actionId, { id: outcome.actionId, state, kind: decision.action.kind, line });
    }
  }
  return [...found.values()];
}

function describe(context: RunContext, { decision: { action } }: DecidedOutcome): string {
  return action === undefined ? '' : (context.kinds.get(action.kind)?.describe(action) ?? action.kind);
}

async function olderLine(context: RunContext, action: ActionRecord): Promise<Line> {
  const change = context.kinds.get(action.kind)?.describe(action) ?? action.kind;
  const told = await context.ports.store.read<MessageEntry>('outbox', messageOf(action));
  const where = told?.data.posted?.url ?? undefined;
  return [
    code(change),
    text(` waits for approval since ${action.createdAt}: `),
    where === undefined
      ? code(`nightshift actions approve ${action.id.slice(0, 12)}`)
      : { text: 'decide there', url: where },
  ];
}

function moreLine(left: number): Block {
  return { kind: 'paragraph', line: [text(`${String(left)} more: `), code('nightshift actions list')] };
}
