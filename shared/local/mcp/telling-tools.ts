// slack.post_message and jira.create_issue: what a caller tells people, through the outbox like everything that we tell ourselves.
import { z } from 'zod';
import { harmlessMessage } from '../../adapters/slack/prepared.ts';
import { type Block, paragraph, text as spanOf } from '../../core/document.ts';
import { CallerError, ConfigurationError } from '../../core/errors.ts';
import { fingerprintOf, hashOf } from '../../core/fingerprint.ts';
import type { JsonObject } from '../../core/json.ts';
import { masked } from '../../core/mask.ts';
import { deliverOne } from '../../runtime/outbox.ts';
import type { IssueEntry, MessageEntry, OutboxEntry } from '../../runtime/outbox-entry.ts';
import { defineTool, type ToolContext } from './tool.ts';

/** Longer waits are cut off by clients; what is not out by then stays in the outbox. */
const PATIENCE_SECONDS = 20;
/** A repeat with the same marker within this time is the same effect. */
const MARKER_SECONDS = 86_400;
const MOST_CHARACTERS = 30_000;

const postMessage = defineTool({
  name: 'slack.post_message',
  title: 'Post to a Slack channel',
  description:
    'Posts to a channel of the policy. Text is Slack mrkdwn; blocks that show text are taken, those that ping, fetch or look like a button are refused. An error that says "queued" means that it goes out later: do not send it again.',
  needs: 'propose',
  readOnly: false,
  idempotent: false,
  takesMarker: true,
  input: z.strictObject({
    channel: z.string().min(1).max(100).describe('Its name with # or its id'),
    text: z.string().min(1).max(4000),
    blocks: z.array(z.record(z.string(), z.json())).max(50).optional().describe('Block Kit'),
  }),
  output: z.object({ ts: z.string(), url: z.string() }),
  async run(context, { channel, text, blocks }) {
    const { team } = context.surroundings;
    const slack = team.chat?.slack;
    if (slack === undefined) {
      throw notConfigured('chat', 'chat.slack');
    }
    checkAllowed('channel', channel, [slack.channel, ...(team.mcp?.channels ?? [])], 'mcp.channels');
    const prepared = { text, ...(blocks === undefined ? {} : { blocks: blocks as readonly JsonObject[] }) };
    // Refused now: in the outbox it would be refused for a week.
    harmlessMessage(prepared);
    const entry: MessageEntry = {
      ...(await entryBase(context, 'message')),
      kind: 'message',
      channel,
      message: { title: text.split('\n', 1)[0] ?? '', blocks: [paragraph(spanOf(text))] },
      prepared,
      issues: [],
      waitUntil: context.surroundings.ports.clock.now().toISOString(),
    };
    const told = await deliver(context, entry);
    if (told.kind !== 'message' || told.posted === undefined) {
      throw queued(told);
    }
    return { ts: told.posted.id, url: told.posted.url ?? '' };
  },
});

const createIssue = defineTool({
  name: 'jira.create_issue',
  title: 'Open a Jira issue',
  description:
    'Opens an issue in a project of the policy. While one with the same title that this caller opened is still open, that one is commented and given instead. An error that says "queued" means that it comes later: do not create it again.',
  needs: 'propose',
  readOnly: false,
  takesMarker: true,
  input: z.strictObject({
    project: z.string().regex(/^[A-Z][A-Z0-9_]{1,19}$/, 'is no project key, such as OPS'),
    title: z.string().trim().min(1).max(255),
    body: z.string().max(MOST_CHARACTERS),
  }),
  output: z.object({ issue_id: z.string(), url: z.string() }),
  async run(context, { project, title, body }) {
    const { team } = context.surroundings;
    const jira = team.tracker?.jira;
    if (jira === undefined) {
      throw notConfigured('tracker', 'tracker.jira');
    }
    checkAllowed('project', project, [jira.project, ...(team.mcp?.projects ?? [])], 'mcp.projects');
    const fingerprint = fingerprintOf({ by: context.caller.by, project, about: context.marker ?? title });
    const entry: IssueEntry = {
      ...(await entryBase(context, 'issue')),
      kind: 'issue',
      draft: {
        project,
        issueType: jira.issueType,
        fingerprint,
        title,
        body: blocksOf(body),
        labels: [`nightshift-${context.caller.by.replace(/[^a-z0-9]+/g, '-')}`],
      },
    };
    const told = await deliver(context, entry);
    const state = await context.surroundings.ports.store.read<{ key?: string; url?: string }>('issues', fingerprint);
    if (told.url === undefined || state?.data.key === undefined) {
      throw queued(told);
    }
    return { issue_id: state.data.key, url: told.url };
  },
});

async function entryBase(
  { surroundings, caller, marker }: ToolContext,
  kind: 'message' | 'issue',
): Promise<Pick<MessageEntry, 'id' | 'runId' | 'createdAt' | 'state' | 'dueAt' | 'attempts'>> {
  const { clock, store, ids } = surroundings.ports;
  const now = clock.now();
  const at = now.toISOString();
  const marked = marker === undefined ? undefined : `mcp-${hashOf({ by: caller.by, kind, marker }).slice(0, 40)}`;
  const before = marked === undefined ? undefined : await store.read<OutboxEntry>('outbox', `${marked}-${kind}`);
  const isRepeat = before === undefined || Date.parse(before.data.createdAt) > now.getTime() - MARKER_SECONDS * 1000;
  const runId = marked === undefined || !isRepeat ? ids.next() : marked;
  return { id: `${runId}-${kind}`, runId, createdAt: at, state: 'pending', dueAt: at, attempts: 0 };
}

function deliver({ surroundings }: ToolContext, entry: OutboxEntry): Promise<OutboxEntry> {
  return deliverOne(surroundings, masked(surroundings.mask, entry), PATIENCE_SECONDS);
}

function checkAllowed(field: string, value: string, allowed: readonly string[], part: string): void {
  if (!allowed.includes(value)) {
    throw new CallerError(`${field}: ${JSON.stringify(value)} is not one that callers may use.`, {
      field,
      remedy: `Allowed: ${allowed.join(', ')}. Others are entered in ${part} of the policy.`,
    });
  }
}

function notConfigured(what: string, part: string): ConfigurationError {
  return new ConfigurationError(`No ${what} is configured.`, { remedy: `Set ${part} in the policy.` });
}

function queued({ state, lastError }: OutboxEntry): CallerError {
  const why = lastError === undefined ? '' : ` ${lastError}`;
  return state === 'failed'
    ? new CallerError(`It could not be delivered and is not tried again.${why}`, {
        remedy: 'Look at what is said, then tell it anew.',
      })
    : new CallerError(`It is queued and not yet delivered.${why}`, {
        remedy: 'It goes out by itself: do not send it again.',
      });
}

/** Plain text as blocks: fenced parts as code, lines with a bullet as a list, the rest as paragraphs. */
function blocksOf(body: string): readonly Block[] {
  return body.split(/^```[a-z]*\n([\s\S]*?)\n?```$/m).flatMap((part, index): readonly Block[] => {
    if (index % 2 === 1) {
      return [{ kind: 'code', text: part }];
    }
    const paragraphs = part
      .split(/\n\s*\n/)
      .map((one) => one.trim())
      .filter((one) => one !== '');
    return paragraphs.map((one) => {
      const lines = one.split('\n');
      return lines.every((line) => /^[-*•] /.test(line))
        ? { kind: 'list', lines: lines.map((line) => [spanOf(line.slice(2))]) }
        : paragraph(spanOf(one));
    });
  });
}

export const tellingTools = [postMessage, createIssue];
