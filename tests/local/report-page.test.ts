// The report's page: who may see it, what it says, and that nothing of a build becomes markup.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ReportHost, reportHost, TOKEN } from '../support/report-host.ts';

const AUTHORISED = { authorization: `Bearer ${TOKEN}` };

describe('the page of a report', () => {
  let host: ReportHost;
  beforeAll(async () => {
    host = await reportHost('broken-branch', { runs: 2 });
  }, 30_000);
  afterAll(() => host.close());

  test('needs the token of the host', async () => {
    expect((await fetch(host.url)).status).toBe(401);
    expect((await fetch(host.url, { headers: AUTHORISED })).status).toBe(200);
  });

  test('shows the latest run, and any other by its id', async () => {
    const latest = await (await fetch(host.url, { headers: AUTHORISED })).text();
    expect(latest).toContain(`Run ${host.runs[1] ?? ''} of`);
    const first = await (await fetch(`${host.url}?run=${host.runs[0] ?? ''}`, { headers: AUTHORISED })).text();
    expect(first).toContain(`Run ${host.runs[0] ?? ''} of`);
    for (const page of [latest, first]) {
      expect(page).toContain('<h1>🔴 Builds: 1 broken branch</h1>');
      expect(page).toContain('<strong>HIGH</strong>');
      expect(page).toContain('alt="Success rate and median duration of builds over 14 days.');
    }
  });

  test('loads and runs nothing', async () => {
    const reply = await fetch(host.url, { headers: AUTHORISED });
    const policy = reply.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
    const page = await reply.text();
    expect(page).not.toMatch(/<script|<link|<iframe|<form|\son\w+=|style="/i);
    expect(
      [...page.matchAll(/(?:src|srcset)="([^"]{0,20})/g)].every(([, source]) => source?.startsWith('data:image/')),
    ).toBe(true);
  });

  test.each([
    ['?run=no-such-run', 404],
    ['?run=', 404],
    ['?run=..%2F..%2Fetc', 404],
    ['/more', 404],
  ])('%s is answered with %i', async (suffix, status) => {
    expect((await fetch(`${host.url}${suffix}`, { headers: AUTHORISED })).status).toBe(status);
  });

  test('takes GET alone', async () => {
    const reply = await fetch(host.url, { method: 'POST', headers: AUTHORISED, body: '{}' });
    expect([reply.status, reply.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('of a duty that has none is not found, and says which there are', async () => {
    const reply = await fetch(host.url.replace('pipeline-report', 'rebalance'), { headers: AUTHORISED });
    expect(reply.status).toBe(404);
    expect(await reply.text()).toContain('There are: pipeline-report.');
  });
});

test('what a build says stays text', async () => {
  const host = await reportHost('hostile-text');
  try {
    const page = await (await fetch(host.url, { headers: AUTHORISED })).text();
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(page).not.toMatch(/<script|<img src=x/i);
    expect(page).not.toMatch(/[\u202a-\u202e]/);
  } finally {
    await host.close();
  }
}, 30_000);

test('before the first run the page says that there is none', async () => {
  const host = await reportHost('quiet-day', { runs: 0 });
  try {
    const reply = await fetch(host.url, { headers: AUTHORISED });
    expect(reply.status).toBe(404);
    expect(await reply.text()).toContain('pipeline-report has not run yet.');
  } finally {
    await host.close();
  }
});
