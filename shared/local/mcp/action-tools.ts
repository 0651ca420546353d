// Stored actions over MCP: list, approve, decline, undo. A caller decides what policy lets it decide, and never what it asked for itself.
import { z } from 'zod';
import type { ActionRecord } from '../../core/action.ts';
import { approversOf } from '../../core/approver.ts';
import { CallerError } from '../../core/errors.ts';
import type { Surroundings } from '../../runtime/context.ts';
import { decisionScope, refusedWrites } from '../../runtime/refused-decision.ts';
import { findAction } from '../../runtime/stored-action.ts';
import { type ActionOperation, resultOf } from '../action-route.ts';
import { type Caller, callerName, defineTool, type Tool } from './tool.ts';

const STATES = [
  'waiting',
  'applied',
  'settled',
  'undone',
  'unknown',
  'failed',
  'stale',
  'declined',
  'expired',
] as const;
const MOST_ACTIONS = 100;

const list = defineTool({
  name: 'nightshift.list_actions',
  title: 'Proposed and made changes',
  description: 'Actions in one state, the latest first; those that wait for approval by default.',
  openWorld: false,
  input: z.strictObject({
    state: z.enum(STATES).default('waiting'),
    limit: z.int().min(1).max(MOST_ACTIONS).default(20),
  }),
  output: z.object({
    actions: z.array(
      z.object({
        id: z.string(),
        kind: z.string(),
        change: z.string(),
        rule: z.string(),
        because: z.string(),
        state: z.string(),
        outcome: z.string().optional(),
        created_at: z.string(),
        expires_at: z.string().optional(),
      }),
    ),
  }),
  async run({ surroundings }, { state, limit }) {
    const documents = await surroundings.ports.store.query<ActionRecord>('actions', {
      where: [{ field: 'state', op: '==', value: state }],
      orderBy: { field: 'createdAt', direction: 'descending' },
      limit,
    });
    return {
      actions: documents.map(({ data }) => ({
        id: data.id,
        kind: data.kind,
        change: surroundings.kinds.get(data.kind)?.describe(data) ?? Object.values(data.subject).join('/'),
        rule: data.rule,
        because: data.sentence,
        state: data.state,
        ...(data.outcome === undefined ? {} : { outcome: data.outcome }),
        created_at: data.createdAt,
        ...(data.expiresAt === undefined ? {} : { expires_at: data.expiresAt }),
      })),
    };
  },
});

function operation(
  verb: ActionOperation['verb'],
  sheet: Pick<Tool, 'title' | 'description' | 'needs' | 'destructive'>,
): Tool {
  return defineTool({
    name: `nightshift.${verb}_action`,
    ...sheet,
    readOnly: false,
    idempotent: false,
    input: z.strictObject({
      action: z
        .string()
        .regex(/^[0-9a-f]{8,64}$/, 'is no action id: 8 hex digits or more')
        .describe('Its id, or the first 8 digits or more'),
      why: z.string().max(500).default('').describe('For the journal and the thread'),
    }),
    output: z.object({ id: z.string(), state: z.string(), outcome: z.string(), detail: z.string() }),
    async run({ surroundings, caller }, { action: id, why }) {
      await mayDecide(surroundings, caller, verb, (await findAction(surroundings.ports.store, id)).data);
      const { action, outcome } = await resultOf(surroundings, { id, verb }, { by: caller.by, why });
      return { id: action.id, state: action.state, outcome: outcome.state, detail: outcome.detail };
    },
  });
}

const COMMIT_ATTEMPTS = 8;

/** Who asked for a change may take it back and not approve it; for all else policy names the caller, as it names people. */
async function mayDecide(
  surroundings: Surroundings,
  { by }: Caller,
  verb: ActionOperation['verb'],
  action: ActionRecord,
): Promise<void> {
  const id = action.id.slice(0, 12);
  const isOwn = action.evidence['requestedBy'] === by;
  if (isOwn && verb === 'approve') {
    throw new CallerError(`Action ${id} was asked for by ${by}, who may not approve it as well.`, {
      field: 'action',
      remedy: `Somebody else approves it: nightshift actions approve ${id}.`,
    });
  }
  const rule = approversOf(surroundings.team, action.kind, decisionScope(action));
  if (isOwn || rule?.callers.includes(callerName(by)) === true) {
    return;
  }
  const { store } = surroundings.ports;
  const about = { scope: action.scope, actionId: action.id, kind: action.kind };
  for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt += 1) {
    if ((await store.commit(await refusedWrites(surroundings, about, { by, verb }))).committed) {
      break;
    }
  }
  throw new CallerError(`${by} may not ${verb} action ${id}: the policy does not name it under approvers.`, {
    field: 'action',
    remedy: `Somebody who may does it, or whoever runs Nightshift adds callers: [${callerName(by)}] to a rule of approvers.`,
  });
}

export const actionTools = [
  list,
  operation('approve', {
    title: 'Approve a waiting action',
    description:
      'Carries a waiting action out as it was proposed, if everything still is as it was then. The policy names who may (approvers).',
    needs: 'act',
    destructive: true,
  }),
  operation('decline', {
    title: 'Decline a waiting action',
    description: 'Ends a waiting action without an effect.',
    needs: 'propose',
    destructive: false,
  }),
  operation('undo', {
    title: 'Take a change back',
    description: 'Undoes an applied action by its stored inverse.',
    needs: 'act',
    destructive: true,
  }),
];
