// A duty's report as a page of the one-process host: GET /reports/<duty>, the latest or ?run=<id>. Rendered here, from the stored
// summary alone; everything foreign is escaped, and the page loads nothing and runs nothing.
import { createHash } from 'node:crypto';
import type { Block, Message, PictureFile, Span } from '../core/document.ts';
import type { JsonObject } from '../core/json.ts';
import type { Picture } from '../ports/picture.ts';
import type { Surroundings } from '../runtime/context.ts';
import { readRun, type RunRecord } from '../runtime/run-record.ts';

/** A duty's `page`, by its name. */
export type ReportPages = ReadonlyMap<string, (summary: JsonObject) => Message>;

export interface PageReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface PageRequest {
  readonly duty: string;
  readonly method: string | undefined;
  readonly url: string | undefined;
}

/** Runs that failed have no report; more of them in a row than this are looked past by `?run=`. */
const LATEST_RUNS = 50;

const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --text: #1d1c1d; --soft: #5d5f63; --line: #d7d7d9; --code: #f2f2f4; --link: #1264a3 }
@media (prefers-color-scheme: dark) { :root { --ground: #1f2226; --text: #e6e6e6; --soft: #a5a8ad; --line: #454a50; --code: #2b2f35; --link: #7bb7ea } }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.5rem; margin: 0 0 .25rem }
.run { color: var(--soft); font-size: .875rem; margin: 0 0 1rem }
.problem { border-left: 4px solid #c0392b; padding-left: .75rem }
img { display: block; width: 100%; height: auto; margin: 1rem 0 }
ul { padding-left: 1.25rem }
a { color: var(--link) }
code, pre { background: var(--code); border-radius: 4px; padding: .1rem .3rem; font-size: .875em }
pre { padding: .75rem; overflow-x: auto }
.table { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap }
`;

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; img-src data:; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const;

/** The duty in a path of a page. */
export function pageOperation(path: string): string | undefined {
  return /^\/reports\/([a-z0-9-]{1,63})$/.exec(path)?.[1];
}

export async function reportPage(
  surroundings: Pick<Surroundings, 'ports'>,
  pages: ReportPages,
  { duty, method, url }: PageRequest,
): Promise<PageReply> {
  if (method !== 'GET' && method !== 'HEAD') {
    const reply = refusal(405, 'This page takes GET.');
    return { ...reply, headers: { ...reply.headers, allow: 'GET, HEAD' } };
  }
  const page = pages.get(duty);
  if (page === undefined) {
    return refusal(404, `${duty} has no page. There are: ${[...pages.keys()].join(', ') || 'none'}.`);
  }
  const asked = new URLSearchParams(/\?([^#]*)/.exec(url ?? '')?.[1] ?? '').get('run');
  const runId = asked ?? (await latestRun(surroundings, duty));
  const stored =
    runId === undefined || runId === '' || runId.includes('/') ? undefined : await readRun(surroundings, runId);
  if (stored?.report === undefined || stored.record.duty !== duty) {
    return refusal(
      404,
      asked === null ? `${duty} has not run yet.` : `There is no report of ${duty} for the run ${asked.slice(0, 80)}.`,
    );
  }
  const { report, record } = stored;
  const message = page(report.summary);
  const body = [
    `<h1>${escaped(message.title)}</h1>`,
    `<p class="run">Run ${escaped(record.id)} of ${escaped(record.startedAt)}, ${escaped(record.scope)}</p>`,
    ...report.run.problems.map(
      (problem) => `<p class="problem"><strong>Problem:</strong> ${escaped(problem.message)}</p>`,
    ),
    await pictureHtml(surroundings.ports.picture, message.file),
    ...message.blocks.map(blockHtml),
  ];
  return { status: 200, headers: HEADERS, body: documentHtml(message.title, body.join('\n')) };
}

async function latestRun({ ports }: Pick<Surroundings, 'ports'>, duty: string): Promise<string | undefined> {
  const runs = await ports.store.query<RunRecord>('runs', {
    where: [{ field: 'duty', op: '==', value: duty }],
    orderBy: { field: 'startedAt', direction: 'descending' },
    limit: LATEST_RUNS,
  });
  return runs.find(({ data }) => data.report !== undefined)?.data.id;
}

function refusal(status: number, text: string): PageReply {
  return { status, headers: HEADERS, body: documentHtml(text, `<p>${escaped(text)}</p>`) };
}

function documentHtml(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body>
${body}
</body>
</html>
`;
}

/** As an image of its own: what is in the drawing cannot reach the page. */
async function pictureHtml(renderer: Picture | undefined, file: Message['file']): Promise<string> {
  if (file === undefined || !('picture' in file) || renderer === undefined) {
    return '';
  }
  const { alt, picture }: PictureFile = file;
  const [light, dark] = await Promise.all([renderer.svg(picture, 'light'), renderer.svg(picture, 'dark')]);
  const address = (svg: string): string => `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
  return `<picture><source media="(prefers-color-scheme: dark)" srcset="${address(dark)}"><img src="${address(light)}" alt="${escaped(alt)}" width="${String(picture.width)}" height="${String(picture.height)}"></picture>`;
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
    case 'action':
      return `<p>${block.line.map(spanHtml).join('')}</p>`;
    case 'list':
      return `<ul>${block.lines.map((line) => `<li>${line.map(spanHtml).join('')}</li>`).join('')}</ul>`;
    case 'code':
      return `<pre>${escaped(block.text)}</pre>`;
    case 'table': {
      const row = (cells: readonly string[], tag: string): string =>
        `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
      return `<div class="table"><table><thead>${row(block.header, 'th')}</thead><tbody>${block.rows.map((cells) => row(cells, 'td')).join('')}</tbody></table></div>`;
    }
    case 'buttons':
      // What a click does is the chat's: a page has no sender that could be checked.
      return '';
  }
}

function spanHtml(span: Span): string {
  if ('issue' in span) {
    return escaped(span.text);
  }
  const inner = escaped(span.text);
  const styled =
    span.style === 'bold' ? `<strong>${inner}</strong>` : span.style === 'code' ? `<code>${inner}</code>` : inner;
  return span.url !== undefined && /^https?:\/\//i.test(span.url)
    ? `<a href="${escaped(span.url)}" rel="noreferrer noopener">${styled}</a>`
    : styled;
}

/** For text and for attributes in double quotes. What turns the reading direction is made visible. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
