// What leaves Nightshift after a run: whether anything of it pings, links or formats as a stranger wants. Knows the grammars of Slack,
// Jira and Bitbucket, and nothing of duties.
import type { RecordedCall } from '../../../fixtures/platform/kit.ts';
import type { RunningScenario } from '../../../shared/local/scenario.ts';
import type { JsonObject } from '../../../shared/core/json.ts';

/** Hosts of the embedded platform, and the addresses that it gives out for itself. */
const OUR_LINK = /^https?:\/\/(?:127\.0\.0\.1:[0-9]+|bitbucket\.org|[a-z-]+\.slack\.com|[a-z-]+\.atlassian\.net)\//;

/** What is wrong with everything that Slack, Jira and Bitbucket hold now, each with its text. */
export function harmIn({ platform }: RunningScenario): readonly string[] {
  const { slack, jira } = platform.doubles;
  return [
    ...slack
      .state()
      .messages.flatMap(({ text, blocks }) => harmOfSlack(text, blocks as readonly unknown[] | undefined)),
    ...documentsIn(jira.state()).flatMap(harmOfDocument),
    ...platform.calls
      .filter(({ system }) => system === 'bitbucket')
      .flatMap(bitbucketTexts)
      .flatMap(harmOfMarkdown),
  ];
}

/** A message of Slack: its fallback text, and the texts of its blocks. */
export function harmOfSlack(text: string, blocks: readonly unknown[] = []): readonly string[] {
  return [text, ...mrkdwnIn(blocks)].flatMap((mrkdwn) => {
    // In a fence and in a code span Slack shows all but entities as it stands.
    const prose = mrkdwn.replaceAll(/```[\s\S]*?```/g, ' ').replaceAll(/`[^`\n]*`/g, ' ');
    const links = [...mrkdwn.matchAll(/<([^>|]*)/g)].map(([, address = '']) => address);
    return [
      ...(/<[!@#]/.test(mrkdwn) ? [`pings: ${mrkdwn}`] : []),
      ...links.filter((address) => !OUR_LINK.test(address)).map((address) => `links to ${address}`),
      ...(/@(?:here|channel|everyone)\b/i.test(prose) ? [`names everybody: ${prose}`] : []),
      ...formatted(prose).map((run) => `formats: ${run}`),
    ];
  });
}

/** Runs that Slack would show bold, slanted or struck, begun inside of a stranger's text. What we set bold ourselves begins before it. */
function formatted(prose: string): readonly string[] {
  const runs = [...prose.matchAll(/(?<=zzhostile[^\n]*)(?<![\p{L}\p{N}])([*_~])(?=\S)([^\n]*?\S)\1(?![\p{L}\p{N}])/gu)];
  return runs.map(([run]) => run);
}

function mrkdwnIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  const own = value as { readonly type?: unknown; readonly text?: unknown };
  return own.type === 'mrkdwn' && typeof own.text === 'string' ? [own.text] : Object.values(value).flatMap(mrkdwnIn);
}

const NODES: ReadonlySet<string> = new Set(
  'doc paragraph text bulletList listItem codeBlock table tableRow tableHeader tableCell'.split(' '),
);

/** A document of Jira: its nodes are ours alone, and its links lead to us. Text in it is data. */
export function harmOfDocument(document: unknown): readonly string[] {
  if (typeof document !== 'object' || document === null) {
    return [];
  }
  if (Array.isArray(document)) {
    return document.flatMap(harmOfDocument);
  }
  const { type, marks = [], content } = document as { type?: string; marks?: JsonObject[]; content?: unknown };
  const links = marks.flatMap((mark) => {
    const href = (mark['attrs'] as JsonObject | undefined)?.['href'];
    return typeof href === 'string' && !OUR_LINK.test(href) ? [`links to ${href}`] : [];
  });
  return [...(type !== undefined && !NODES.has(type) ? [`holds a ${type}`] : []), ...links, ...harmOfDocument(content)];
}

function documentsIn(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  return (value as { type?: unknown }).type === 'doc' ? [value] : Object.values(value).flatMap(documentsIn);
}

/** A comment of Bitbucket in Markdown: no mark of it is a stranger's. */
export function harmOfMarkdown(markdown: string): readonly string[] {
  // Code is shown as it stands; a span ends at the run of ticks that began it.
  const prose = markdown.replaceAll(/(?<!\\)(`+)[\s\S]*?[^`]\1(?!`)/g, ' ').replaceAll(/\\[\\`*_{}[\]()>#+!|<~-]/g, '');
  const links = [...prose.matchAll(/\]\(([^)]*)\)/g)].map(([, address = '']) => address);
  return [
    ...links.filter((address) => !OUR_LINK.test(address)).map((address) => `links to ${address}`),
    ...(/<[a-z!/]/i.test(prose) ? [`holds a tag: ${prose}`] : []),
    ...(/@[A-Za-z{]/.test(prose) ? [`mentions: ${prose}`] : []),
    ...(/https?:\/\/evil/i.test(prose) ? [`holds an address: ${prose}`] : []),
    ...[...prose.matchAll(/(?<=zzhostile[^\n]*)(?:\*\*|__|~~|!\[)/gi)].map(() => `formats: ${prose}`),
  ];
}

/** What a call writes: a comment, or the description of a build status, which is no Markdown and is looked at as if it were. */
function bitbucketTexts({ method, requestBody }: RecordedCall): readonly string[] {
  if (method === 'GET' || requestBody === '') {
    return [];
  }
  const { content, description } = JSON.parse(requestBody) as { content?: { raw: string }; description?: string };
  return [...(content === undefined ? [] : [content.raw]), ...(description === undefined ? [] : [description])];
}

/** The tags of a page with their attributes' names, and where its links lead. */
export function skeletonOf(html: string): { readonly tags: readonly string[]; readonly links: readonly string[] } {
  const tags = [...html.matchAll(/<(\/?[a-z!][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*>/gi)].map(
    ([, tag = '', attributes = '']) =>
      `${tag} ${[...attributes.matchAll(/([a-z-]+)(?:="[^"]*")?/gi)].map(([, name = '']) => name).join(' ')}`,
  );
  return { tags, links: [...html.matchAll(/href="([^"]*)"/g)].map(([, address = '']) => address) };
}
