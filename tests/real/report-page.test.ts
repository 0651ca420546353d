// The report's page in a real browser: laid out, drawn in light and dark, and nothing refused by its own content policy.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ReportHost, reportHost, TOKEN } from '../support/report-host.ts';
import { startBrowser } from './browser.ts';
import { describeWith } from './suite.ts';

describeWith(
  ['browser'],
  'the page of pipeline-report',
  () => undefined,
  () => {
    let host: ReportHost;
    let hostile: ReportHost;
    let browser: Browser;
    beforeAll(async () => {
      [host, hostile, browser] = await Promise.all([
        reportHost('broken-branch'),
        reportHost('hostile-text'),
        startBrowser(),
      ]);
    }, 60_000);
    afterAll(async () => {
      await browser.close();
      await Promise.all([host.close(), hostile.close()]);
    });

    /** What the browser complained of, and what the page asked for. */
    async function opened(
      url: string,
      colorScheme: 'light' | 'dark',
      width = 1000,
    ): Promise<{ page: Page; complaints: readonly string[]; requests: readonly string[] }> {
      const context = await browser.newContext({
        colorScheme,
        viewport: { width, height: 900 },
        extraHTTPHeaders: { authorization: `Bearer ${TOKEN}` },
      });
      const page = await context.newPage();
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('dialog', (dialog) => {
        complaints.push(`dialog ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(url, { waitUntil: 'load' });
      return { page, complaints, requests };
    }

    test.each(['light', 'dark'] as const)('is whole in %s, and asks for nothing else', async (scheme) => {
      const { page, complaints, requests } = await opened(host.url, scheme);
      expect(await page.textContent('h1')).toBe('🔴 Builds: 1 broken branch');
      expect(await page.locator('table').count()).toBe(2);
      // Its width is known only when it was drawn.
      expect(await page.evaluate('document.images[0].naturalWidth')).toBe(960);
      expect(await page.locator('img').getAttribute('alt')).toContain('Success rate');
      const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(ground).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(31, 34, 38)');
      const shown = await page.screenshot({ fullPage: true });
      expect(shown.byteLength).toBeGreaterThan(10_000);
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => !url.startsWith('data:') && !url.endsWith('/favicon.ico'))).toEqual([host.url]);
    });

    test('fits a telephone: nothing but tables is wider than the screen', async () => {
      const { page } = await opened(host.url, 'light', 390);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    });

    test('what a build says runs nothing', async () => {
      const { page, complaints } = await opened(hostile.url, 'light');
      expect(await page.locator('script, img[src="x"]').count()).toBe(0);
      expect(complaints).toEqual([]);
    });
  },
);
