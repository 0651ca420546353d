// How well and how fast logs are explained: against the labels of people where there are labelled logs, and by size. Prints; never
// passes or fails. The labelled logs beside the clone are for development and no part of it.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { z } from 'zod';
import { readCatalogue } from '../../shared/config/signatures.ts';
import { explainLog } from '../../shared/core/log/explain.ts';
import type { Catalogue } from '../../shared/core/log/signature.ts';
import { renderTable } from '../../shared/core/table.ts';

const DEVELOPMENT = path.resolve(import.meta.dirname, '../../../shared/data/ci-logs');
const HELD_OUT = path.resolve(import.meta.dirname, '../../fixtures/ci-logs');
const DUTY = 'pipeline-retry';
const TIMES = 9;

const Verdict = z.enum(['transient', 'regular', 'unknown']);
const Labels = z.array(z.looseObject({ file: z.string(), label: Verdict }));
const OwnLabels = z.record(z.string(), z.looseObject({ verdict: Verdict }));

interface Labelled {
  readonly text: string;
  readonly label: z.infer<typeof Verdict>;
}

export async function benchCiLogs(): Promise<void> {
  const catalogue = await readCatalogue(DUTY, []);
  const sets = [
    { name: 'development logs', logs: developmentLogs(), folder: DEVELOPMENT },
    { name: 'held-out logs', logs: heldOutLogs(), folder: HELD_OUT },
  ];
  const rows = sets.map(({ name, logs, folder }) =>
    logs === undefined ? [name, `not there: ${folder}`, '', '', '', ''] : quality(name, logs, catalogue),
  );
  console.log('\nCauses of failed builds, verdict `transient` against the label of a person\n');
  console.log(renderTable(['logs', 'how many', 'precision', 'recall', 'F1', 'unknown'], rows));
  console.log('\nGoals: precision ≥ .99, recall ≥ .75 on the development logs.');
  console.log('\nTime to explain a log of 1 MB, the function alone, warm\n');
  console.log(
    renderTable(
      ['log', 'median', 'slowest'],
      [speed('compiler output', compilerLog(), catalogue), speed('download progress', progressLog(), catalogue)],
    ),
  );
}

function quality(name: string, logs: readonly Labelled[], catalogue: Catalogue): string[] {
  const verdicts = logs.map(({ text, label }) => ({ label, verdict: explainLog(text, catalogue).verdict }));
  const count = (verdict: string, label: string): number =>
    verdicts.filter((one) => one.verdict === verdict && (label === '*' || one.label === label)).length;
  const right = count('transient', 'transient');
  const called = count('transient', '*');
  const all = verdicts.filter(({ label }) => label === 'transient').length;
  const precision = right / called;
  const recall = right / all;
  const shown = (value: number): string => value.toFixed(3);
  return [
    name,
    `${String(logs.length)} (${String(all)} transient)`,
    `${shown(precision)} (${String(called - right)} wrong)`,
    `${shown(recall)} (${String(right)} of ${String(all)})`,
    shown((2 * precision * recall) / (precision + recall)),
    String(count('unknown', '*')),
  ];
}

function developmentLogs(): readonly Labelled[] | undefined {
  const labels = path.join(DEVELOPMENT, 'labels.json');
  return existsSync(labels)
    ? Labels.parse(JSON.parse(readFileSync(labels, 'utf8'))).map(({ file, label }) => ({
        label,
        text: gunzipSync(readFileSync(path.join(DEVELOPMENT, file))).toString('utf8'),
      }))
    : undefined;
}

function heldOutLogs(): readonly Labelled[] {
  const labels = OwnLabels.parse(parse(readFileSync(path.join(HELD_OUT, 'labels.yaml'), 'utf8')));
  return Object.entries(labels).map(([name, { verdict }]) => ({
    label: verdict,
    text: readFileSync(path.join(HELD_OUT, `${name}.log`), 'utf8'),
  }));
}

function speed(name: string, text: string, catalogue: Catalogue): string[] {
  const times = Array.from({ length: TIMES }, () => {
    const began = process.cpuUsage();
    explainLog(text, catalogue);
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1000;
  }).sort((a, b) => a - b);
  const milliseconds = (value: number | undefined): string => `${(value ?? Number.NaN).toFixed(0)} ms of CPU`;
  return [name, milliseconds(times[Math.floor(TIMES / 2)]), milliseconds(times.at(-1))];
}

function filled(lineOf: (index: number) => string, end: string): string {
  const lines: string[] = [];
  for (let length = 0, index = 0; length < 1_000_000; index += 1) {
    const line = lineOf(index);
    lines.push(line);
    length += line.length + 1;
  }
  return `${lines.join('\n')}\n${end}\n`;
}

function compilerLog(): string {
  return filled(
    (index) =>
      `2026-03-04T10:00:${String(index % 60).padStart(2, '0')}Z   Compiling module-${String(index)} v0.${String(index % 40)}.1 (/build/module-${String(index)})`,
    'error: could not compile `shop` (lib) due to 2 previous errors\nERROR: Job failed: exit code 1',
  );
}

function progressLog(): string {
  return filled(
    (index) =>
      `\u001b[2Kdownloading ${String(index)} of 90000\rdownloading ${String(index + 1)} of 90000 https://registry.example/pkg-${String(index)}`,
    'npm ERR! code EAI_AGAIN\nnpm ERR! request to https://registry.example/a failed, reason: getaddrinfo EAI_AGAIN registry.example',
  );
}
