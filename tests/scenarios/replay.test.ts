// Each folder of fixtures/<duty> runs through the real adapters against the embedded platform and must end as a person wrote down.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import type { CanonicalReport } from '../../shared/core/report.ts';
import { isRecordedCase, rulesOf } from '../../shared/local/recorded-case.ts';
import { openScenario } from '../../shared/local/scenario.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const UPDATE = process.env['UPDATE'] === '1';

function foldersOf(folder: string): readonly string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

const duties = foldersOf('functions').filter((duty) => existsSync(path.join(ROOT, 'fixtures', duty)));

describe.each(duties)('every scenario of %s', (duty) => {
  const folders = foldersOf(`fixtures/${duty}`).filter(
    (name) => !isRecordedCase(path.join(ROOT, 'fixtures', duty, name)),
  );

  test.concurrent.each(folders)('%s ends as written down', async (name) => {
    const folder = path.join(ROOT, 'fixtures', duty, name);
    const scenario = loadScenario(folder);
    const running = await openScenario(scenario, { duty, deadlineSeconds: 5 });
    try {
      const result = await running.run();
      if (result.kind === 'busy') {
        throw new Error('busy');
      }
      const { report } = result;
      expect(rulesOf(report, scenario.case.scope)).toEqual(scenario.case.expect);
      if (scenario.case.expectSummary !== undefined) {
        expect(report.summary).toMatchObject(scenario.case.expectSummary);
      }
      expect(running.platform.violations()).toEqual([]);
      compareWithSnapshot(folder, report, running.platform.urls);
    } finally {
      await running.close();
    }
  });
});

/** The whole canonical report: written on request (UPDATE=1), compared otherwise. Addresses of this run are taken out. */
function compareWithSnapshot(folder: string, report: CanonicalReport, urls: Readonly<Record<string, string>>): void {
  const file = path.join(folder, 'expected', 'report.json');
  let text = `${JSON.stringify(report, undefined, 2)}\n`;
  for (const [name, url] of Object.entries(urls)) {
    text = text.replaceAll(url, `http://${name}`).replaceAll(new URL(url).host, name);
  }
  if (UPDATE) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  expect(existsSync(file), `${file} is missing: run with UPDATE=1 and read it`).toBe(true);
  expect(JSON.parse(text)).toEqual(JSON.parse(readFileSync(file, 'utf8')));
}
