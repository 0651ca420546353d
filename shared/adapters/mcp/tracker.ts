// The team's tracker behind an MCP server that offers jira.create_issue. It can open an issue and nothing else.
import { z } from 'zod';
import type { Block, Line } from '../../core/document.ts';
import { PlatformError } from '../../core/errors.ts';
import { renderTable } from '../../core/table.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Tracker } from '../../ports/tracker.ts';
import type { McpConnection } from './connection.ts';

export interface McpTrackerOptions {
  readonly connection: McpConnection;
  readonly spelled: (tool: string) => string;
  readonly clock: Clock;
}

const Created = z.lazy(() =>
  z.looseObject({
    issue_id: z.string().regex(/^[A-Za-z0-9_-]{1,50}$/, 'expected the key of an issue'),
    url: z.url({ protocol: /^https?$/ }).max(2000),
  }),
);
const MOST_TITLE_CHARACTERS = 255;
const MOST_BODY_CHARACTERS = 30_000;

export function mcpTracker({ connection, spelled, clock }: McpTrackerOptions): Tracker {
  const tool = spelled('jira.create_issue');
  const system = `MCP server ${connection.label}`;

  function notOffered(operation: string): PlatformError {
    return new PlatformError(
      { system, operation, target: 'the tracker', applied: 'no', code: 'NOT_OFFERED' },
      'it has no tool for that',
      {
        remedy: 'Reach the tracker directly: take platform.mcp out of the policy.',
      },
    );
  }

  return {
    isCreateOnly: true,
    async create({ project, title, body, fingerprint }) {
      const reply = await connection.call({
        tool,
        arguments: {
          project,
          title: title.slice(0, MOST_TITLE_CHARACTERS),
          // For people who search for it: the tool takes no labels.
          body: `${plainText(body).slice(0, MOST_BODY_CHARACTERS - 100)}\n\nFingerprint: nightshift-${fingerprint}`,
        },
        target: `project ${project}`,
        effect: 'write',
        reply: Created,
        marker: fingerprint,
      });
      return { key: reply.issue_id, url: reply.url, open: true, createdAt: clock.now().toISOString() };
    },
    async findOpen({ project }) {
      if (await connection.takesMarker(tool)) {
        // Opened again under the same fingerprint it stays one issue.
        return [];
      }
      throw new PlatformError(
        { system, operation: 'find issue', target: `project ${project}`, applied: 'no', code: 'CANNOT_LOOK' },
        'the reply to a new issue was lost, and that server cannot be asked whether the issue is there',
        { remedy: 'Look for it by hand; it is not opened a second time.' },
      );
    },
    read: () => Promise.reject(notOffered('read issue')),
    comment: () => Promise.reject(notOffered('comment')),
    hasComment: () => Promise.reject(notOffered('read comments')),
    closeAsDuplicate: () => Promise.reject(notOffered('close issue')),
    identity: () => Promise.reject(notOffered('identity')),
  };
}

/** Blocks as text that reads well raw, and that our own server turns back into blocks. */
function plainText(blocks: readonly Block[]): string {
  return blocks
    .map((block) => {
      switch (block.kind) {
        case 'paragraph':
        case 'buttons':
        case 'action':
          return lineText(block.line);
        case 'list':
          return block.lines.map((line) => `• ${lineText(line).replaceAll('\n', ' ')}`).join('\n');
        case 'code':
          return fenced(block.text);
        case 'table':
          return fenced(renderTable(block.header, block.rows));
      }
    })
    .join('\n\n');
}

function lineText(line: Line): string {
  return line
    .map((span) => ('issue' in span || span.url === undefined ? span.text : `${span.text} (${span.url})`))
    .join('');
}

/** Text that holds a fence must not close ours. */
function fenced(text: string): string {
  return `\`\`\`\n${text.replaceAll('```', "'''")}\n\`\`\``;
}
