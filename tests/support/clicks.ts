// People who click, over the test runtime: what they click, and what the message says afterwards.
import type { ActionRecord } from '../../shared/core/action.ts';
import type { ButtonVerb, Click } from '../../shared/core/click.ts';
import type { Block } from '../../shared/core/document.ts';
import { handleClick } from '../../shared/runtime/click.ts';
import { storeEvent } from '../../shared/runtime/ingress.ts';
import type { JournalEntry } from '../../shared/runtime/journal.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { sizeDuty, testRuntime, type TestRuntime, type TestRuntimeOptions } from './runtime.ts';

export const SCOPE = { cluster: 'prod', namespace: 'shop' };
export const KEY = 'cluster=prod,namespace=shop';
export const HANDLERS = { surroundings: { handlers: new Map([['slack', handleClick]]) } };
const ALICE = { id: 'U0ALICE', name: 'alice' };
export const MALLORY = { id: 'U0MALLORY', name: 'mallory' };
export const APPROVE: NonNullable<TestRuntimeOptions['team']> = {
  modes: [{ mode: 'approve' }],
  approvers: [{ users: ['U0ALICE'] }],
};

export async function ran(
  team: NonNullable<TestRuntimeOptions['team']> = APPROVE,
  more: TestRuntimeOptions = {},
): Promise<TestRuntime> {
  const runtime = testRuntime({ team, ...HANDLERS, ...more });
  await run(runtime);
  return runtime;
}

export async function run(runtime: TestRuntime): Promise<void> {
  await runDuty(runtime.surroundings, sizeDuty(runtime.things, { a: 125 }), runtime.policy, {
    scope: SCOPE,
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
  });
}

export async function only(runtime: TestRuntime): Promise<ActionRecord> {
  const documents = await runtime.store.query<ActionRecord>('actions', { where: [], limit: 10 });
  const action = documents.map(({ data }) => data).find(({ undoes }) => undoes === undefined);
  if (action === undefined) {
    throw new Error('There is no action.');
  }
  return action;
}

let clicks = 0;

/** An id that no other click of this process has. */
export function nextDelivery(): string {
  clicks += 1;
  return `click-${String(clicks)}`;
}

/** One click of a person, as `ingress` stores it. */
export async function click(
  runtime: TestRuntime,
  verb: ButtonVerb,
  id: string,
  { user = ALICE, delivery }: { user?: typeof ALICE; delivery?: string } = {},
): Promise<void> {
  const event: Click = { kind: 'click', button: { verb, id }, user, channel: '#ops', thread: null };
  await storeEvent(runtime.surroundings, 'slack', delivery ?? nextDelivery(), event);
}

export async function clicked(...args: Parameters<typeof click>): Promise<void> {
  await click(...args);
  await settle(args[0].surroundings);
  await settle(args[0].surroundings);
}

function blocks(runtime: TestRuntime): readonly Block[] {
  return runtime.chat.messages[0]?.request.message.blocks ?? [];
}

export function rows(runtime: TestRuntime): readonly string[] {
  return blocks(runtime).flatMap((block) =>
    block.kind === 'buttons' ? [block.buttons.map(({ label }) => label).join('/')] : [],
  );
}

export function words(runtime: TestRuntime): string {
  return JSON.stringify(blocks(runtime));
}

export async function journal(runtime: TestRuntime, scope = KEY): Promise<readonly JournalEntry[]> {
  const documents = await runtime.store.query<JournalEntry>('journal', {
    where: [{ field: 'scope', op: '==', value: scope }],
    orderBy: { field: 'sequence', direction: 'ascending' },
    limit: 50,
  });
  return documents.map(({ data }) => data);
}
