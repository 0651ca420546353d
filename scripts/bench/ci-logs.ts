// How well and how fast logs are explained: against the labels of people where there are labelled logs, and by size. Prints; never
// passes or fails. The labelled logs beside the clone are for development and no part of it. `--policy=<file>`: with a team's signatures.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { z } from 'zod';
import { readCatalogue } from '../../shared/config/signatures.ts';
import { policySignatures } from '../../shared/config/team-signatures.ts';
import { explainLog } from '../../shared/core/log/explain.ts';
import type { Catalogue } from '../../shared/core/log/signature.ts';
import { renderTable } from '../../shared/core/table.ts';

const DEVELOPMENT = path.resolve(import.meta.dirname, '../../../shared/data/ci-logs');
const HELD_OUT = path.resolve(import.meta.dirname, '../../fixtures/ci-logs');
const EXCERPTS = path.join(HELD_OUT, 'excerpts');
/** Numbers of the lines that a person read as the cause, by log: any of them tells it. */
const CAUSES = path.join(import.meta.dirname, 'ci-logs-causes.json');
const DUTY = 'pipeline-retry';
const TIMES = 9;

const Verdict = z.enum(['transient', 'regular', 'unknown']);
const Labels = z.array(z.looseObject({ file: z.string(), label: Verdict }));
const Excerpts = z.record(z.string(), z.looseObject({ verdict: Verdict.optional(), log: z.string() }));
const Causes = z.record(z.string(), z.array(z.int()).min(1));
const OwnLabels = z.record(z.string(), z.looseObject({ verdict: Verdict }));

interface Labelled {
  readonly name: string;
  readonly text: string;
  readonly label: z.infer<typeof Verdict>;
}

export async function benchCiLogs(): Promise<void> {
  const policy = process.argv.find((argument) => argument.startsWith('--policy='))?.slice('--policy='.length);
  const catalogue = await readCatalogue(DUTY, policy === undefined ? [] : await policySignatures(policy));
  const development = developmentLogs();
  const sets = [
    { name: 'development logs', logs: development, folder: DEVELOPMENT },
    { name: 'held-out logs', logs: heldOutLogs(), folder: HELD_OUT },
    { name: 'labelled excerpts', logs: excerpts(), folder: EXCERPTS },
  ];
  const rows = sets.map(({ name, logs, folder }) =>
    logs === undefined ? [name, `not there: ${folder}`, '', '', '', ''] : quality(name, logs, catalogue),
  );
  console.log('\nCauses of failed builds, verdict `transient` against the label of a person\n');
  console.log(renderTable(['logs', 'how many', 'precision', 'recall', 'F1', 'unknown'], rows));
  console.log('\nGoals: precision ≥ .99, recall ≥ .75 on the development logs.');
  if (development !== undefined) {
    console.log(`\n${causesShown(development, catalogue)} Goal: 95%.`);
  }
  console.log('\nTime to explain a log of 1 MB, the function alone, warm\n');
  console.log(
    renderTable(
      ['log', 'median', 'slowest'],
      [speed('compiler output', compilerLog(), catalogue), speed('download progress', progressLog(), catalogue)],
    ),
  );
  console.log('\n`nightshift explain-log` on a log of 50 MB, a process each time\n');
  console.log(renderTable(['log', 'wall', 'CPU', 'most memory'], [process50('compiler output', compilerLog())]));
  console.log('\nGoals: under 100 ms for 1 MB; at most 2 s and 200 MB for 50 MB.');
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

/** In how many logs one of the lines that a person read as the cause is among the lines that are shown. */
function causesShown(logs: readonly Labelled[], catalogue: Catalogue): string {
  const causes = Causes.parse(JSON.parse(readFileSync(CAUSES, 'utf8')));
  const missed = logs.filter(({ name, text }) => {
    const shown = new Set(explainLog(text, catalogue).lines.map(({ number }) => number));
    return !(causes[name] ?? []).some((number) => shown.has(number));
  });
  const first = logs.filter(({ name, text }) =>
    (causes[name] ?? []).includes(explainLog(text, catalogue).lines[0]?.number ?? 0),
  );
  const share = (count: number): string => `${((100 * count) / logs.length).toFixed(1)}%`;
  const which = missed.length === 0 ? '' : ` Not in ${missed.map(({ name }) => name).join(', ')}.`;
  return `The cause is among the marked lines (at most 60) in ${share(logs.length - missed.length)} of the ${String(logs.length)} development logs, and is the first of them in ${share(first.length)}.${which}`;
}

/** Says what it needed when it ends. */
const REPORTING = `data:text/javascript,${encodeURIComponent(
  'process.on("exit", () => { const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage(); process.stderr.write("\\nused " + JSON.stringify([maxRSS, userCPUTime + systemCPUTime])); });',
)}`;
const Used = z.tuple([z.number(), z.number()]);

function process50(name: string, megabyte: string): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'nightshift-bench-logs-'));
  try {
    const file = path.join(folder, 'large.log');
    writeFileSync(file, megabyte.repeat(50));
    const command = path.resolve(import.meta.dirname, '../../bin/nightshift.mjs');
    const runs = Array.from({ length: 5 }, () => {
      const began = performance.now();
      const { stderr } = spawnSync(process.execPath, ['--import', REPORTING, command, 'explain-log', file], {
        encoding: 'utf8',
      });
      const [maxKib, micros] = Used.parse(JSON.parse(stderr.slice(stderr.lastIndexOf('used ') + 'used '.length)));
      return { wall: (performance.now() - began) / 1000, cpu: micros / 1e6, mb: (maxKib * 1024) / 1e6 };
    });
    const worst = (of: (run: (typeof runs)[number]) => number): number => Math.max(...runs.map(of));
    return [
      name,
      `${worst(({ wall }) => wall).toFixed(1)} s`,
      `${worst(({ cpu }) => cpu).toFixed(1)} s`,
      `${worst(({ mb }) => mb).toFixed(0)} MB`,
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function developmentLogs(): readonly Labelled[] | undefined {
  const labels = path.join(DEVELOPMENT, 'labels.json');
  return existsSync(labels)
    ? Labels.parse(JSON.parse(readFileSync(labels, 'utf8'))).map(({ file, label }) => ({
        name: path.basename(file, '.log.gz'),
        label,
        text: gunzipSync(readFileSync(path.join(DEVELOPMENT, file))).toString('utf8'),
      }))
    : undefined;
}

function heldOutLogs(): readonly Labelled[] {
  const labels = OwnLabels.parse(parse(readFileSync(path.join(HELD_OUT, 'labels.yaml'), 'utf8')));
  return Object.entries(labels).map(([name, { verdict }]) => ({
    name,
    label: verdict,
    text: readFileSync(path.join(HELD_OUT, `${name}.log`), 'utf8'),
  }));
}

/** Short ends of logs, in a file by their label; one that nobody could judge says so itself. */
function excerpts(): readonly Labelled[] {
  return (['transient', 'regular'] as const).flatMap((label) =>
    Object.entries(Excerpts.parse(parse(readFileSync(path.join(EXCERPTS, `${label}.yaml`), 'utf8')))).map(
      ([name, { verdict = label, log }]) => ({ name, label: verdict, text: log }),
    ),
  );
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
