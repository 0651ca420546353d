// `node scripts/cost.ts`: measures what a run takes on the embedded platform and writes docs/cost.md, the price of a month. Prices and
// assumptions are data in scripts/cost/prices.yaml.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadScenario } from '../fixtures/platform/scenario.ts';
import { readManifests } from '../shared/config/manifest.ts';
import { openScenario } from '../shared/local/scenario.ts';
import type { Store } from '../shared/ports/store.ts';
import type { Surroundings } from '../shared/runtime/context.ts';
import { runDuty } from '../shared/runtime/run.ts';
import { settle } from '../shared/runtime/settle.ts';
import { bill, type Figures, type MonthlyDuty, quantities, ticksPerMonth, total } from './cost/month.ts';
import { table } from './markdown-table.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
/** A namespace of 500 pods: more than most have, so that the page errs upwards. */
const SCENARIO = 'fixtures/rebalance/five-hundred-pods';
const RUNS = 10;

const Price = z.strictObject({ usd: z.number(), free: z.number(), per: z.string(), source: z.url() });
const Data = z.strictObject({
  prices: z.strictObject({
    cpuSecond: Price,
    memoryGibSecond: Price,
    request: Price,
    schedulerJob: Price,
    storeRead: Price,
    storeWrite: Price,
    storeGib: Price,
    messageGib: Price,
    secretVersion: Price,
    imageGib: Price,
  }),
  date: z.iso.date(),
  assumptions: z.record(z.string(), z.number()).and(
    z.looseObject({
      secondsPerCall: z.number(),
      vcpu: z.number(),
      coldStartSeconds: z.number(),
      warmMinutes: z.number(),
      namespaces: z.number(),
      repositories: z.number(),
      failedBuildsPerRepositoryAndDay: z.number(),
      secrets: z.number(),
      imageGib: z.number(),
      storeGib: z.number(),
    }),
  ),
  duties: z.array(
    z.strictObject({
      name: z.string(),
      like: z.string().optional(),
      schedule: z.string().optional(),
      runs: z.enum(['once', 'per-namespace', 'per-failed-build']),
    }),
  ),
});
type Data = z.infer<typeof Data>;

interface Counts {
  reads: number;
  writes: number;
}

/** As Firestore counts: a document each, and one for a query that finds none. */
function counted(store: Store, counts: Counts): Store {
  return {
    ...store,
    async read(collection, id) {
      counts.reads += 1;
      return store.read(collection, id);
    },
    async query(collection, query) {
      const found = await store.query(collection, query);
      counts.reads += Math.max(1, found.length);
      return found as never;
    },
    async commit(writes) {
      // A check is a write that changes nothing: docs/firestore.md.
      counts.writes += writes.length;
      return store.commit(writes);
    },
    prune: (limit) => store.prune(limit),
    check: () => store.check(),
    close: () => store.close(),
  };
}

async function measured(): Promise<Readonly<Record<string, Figures>>> {
  const scenario = await openScenario(loadScenario(path.join(ROOT, SCENARIO)), { duty: 'rebalance' });
  try {
    const counts: Counts = { reads: 0, writes: 0 };
    const { surroundings } = scenario.ready;
    const ports = { ...surroundings.ports, store: counted(scenario.store, counts) };
    const own: Surroundings = { ...surroundings, ports };
    const rebalance = async (): Promise<void> => {
      await runDuty(own, scenario.ready.duty, scenario.ready.policy, {
        scope: scenario.scenario.case.scope,
        dryRun: false,
        trigger: 'manual',
        timeoutSeconds: scenario.ready.manifest.timeoutSeconds,
      });
    };
    const measure = async (once: () => Promise<unknown>): Promise<Figures> => {
      await once(); // The first one loads code, and does what there is to do.
      const calls = scenario.platform.calls.length;
      counts.reads = 0;
      counts.writes = 0;
      const before = process.cpuUsage();
      for (let run = 0; run < RUNS; run += 1) {
        await once();
        scenario.platform.clock.advance(60_000);
      }
      const { user, system } = process.cpuUsage(before);
      return {
        cpuSeconds: (user + system) / 1e6 / RUNS,
        calls: (scenario.platform.calls.length - calls) / RUNS,
        storeReads: counts.reads / RUNS,
        storeWrites: counts.writes / RUNS,
      };
    };
    return { rebalance: await measure(rebalance), settle: await measure(() => settle(own)) };
  } finally {
    await scenario.close();
  }
}

async function monthly(data: Data, figures: Readonly<Record<string, Figures>>): Promise<readonly MonthlyDuty[]> {
  const manifests = await readManifests(path.join(ROOT, 'functions'));
  const { namespaces, repositories, failedBuildsPerRepositoryAndDay } = data.assumptions;
  return data.duties.map(({ name, like = name, schedule, runs }) => {
    const manifest = manifests.find((one) => one.name === like);
    const found = figures[like];
    const cron = schedule ?? manifest?.triggers.schedule;
    if (manifest === undefined || found === undefined || cron === undefined) {
      throw new Error(`prices.yaml: ${name} is like no measured duty, or has no schedule.`);
    }
    const ticks = ticksPerMonth(cron);
    const builds = repositories * failedBuildsPerRepositoryAndDay * (365 / 12);
    const requests = { once: ticks, 'per-namespace': ticks * namespaces, 'per-failed-build': builds }[runs];
    return {
      name,
      memoryMib: manifest.memoryMiB,
      runs: requests,
      ticks: runs === 'once' ? 0 : ticks,
      figures: found,
      hasJob: true,
    };
  });
}

function page(data: Data, figures: Readonly<Record<string, Figures>>, duties: readonly MonthlyDuty[]): string {
  const { assumptions } = data;
  const amounts = quantities(duties, assumptions, {
    storeGib: assumptions.storeGib,
    secretVersion: assumptions.secrets,
    imageGib: assumptions.imageGib,
  });
  const lines = bill(amounts, data.prices);
  const usd = (value: number): string => value.toFixed(2);
  const after = total(lines, 'usdAfterFree');
  const withoutJobs = total(lines, 'usdAfterFree', 'schedulerJob');
  return `${[
    '# What a month costs',
    '<!-- written by node scripts/cost.ts; prices and assumptions stand in scripts/cost/prices.yaml -->',
    `Ten duties at their schedules, ${String(assumptions.namespaces)} namespaces of 500 pods and ${String(assumptions.repositories)} repositories: **${usd(after)} USD a month** with the free tiers, of which ${usd(after - withoutJobs)} are Cloud Scheduler's jobs; ${usd(total(lines, 'usd'))} USD without any free tier.`,
    'The goal was less than one dollar with the free tiers. They are given once a billing account (functions, schedules) or once a project (store): what else runs there uses them as well.',
    table(
      ['what', 'amount', 'USD', 'USD after the free tier', 'price'],
      [
        ...lines.map(({ quantity, amount, usd: full, usdAfterFree }) => [
          quantity,
          amount >= 100 ? Math.round(amount).toLocaleString('en') : amount.toFixed(2),
          usd(full),
          usd(usdAfterFree),
          `[${data.prices[quantity].per}](${data.prices[quantity].source})`,
        ]),
        ['sum', '', usd(total(lines, 'usd')), usd(after), ''],
      ],
    ),
    '## What a run takes',
    `Measured over ${String(RUNS)} runs with nothing left to change, on ${SCENARIO}; the processor time includes the doubles of the embedded platform, which work in the same process, and errs upwards.`,
    table(
      ['', 'processor seconds', 'calls outside', 'documents read', 'documents written'],
      Object.entries(figures).map(([name, one]) => [
        name,
        one.cpuSeconds.toFixed(3),
        one.calls.toFixed(1),
        one.storeReads.toFixed(1),
        one.storeWrites.toFixed(1),
      ]),
    ),
    '## The duties',
    table(
      ['duty', 'runs a month', 'ticks that hand out scopes'],
      duties.map(({ name, runs, ticks }) => [
        name,
        Math.round(runs).toLocaleString('en'),
        Math.round(ticks).toLocaleString('en'),
      ]),
    ),
    `## Assumptions\n\nList prices of tier 1 regions as they were known on ${data.date}; hold them against the pages that are named, and correct scripts/cost/prices.yaml. \`rebalance\` and \`settle\` run at the schedules of their \`function.yaml\`; the other eight stand for duties to come.`,
    table(
      ['assumption', 'value'],
      Object.entries(assumptions).map(([name, value]) => [name, String(value)]),
    ),
    'Not in it: the model (it runs on machines that are there anyway), VictoriaMetrics, network egress (kilobytes), builds (the free 2,500 build minutes a month last for hundreds of deployments) and logs (the first 50 GiB are free).',
  ].join('\n\n')}\n`;
}

const data = Data.parse(parse(readFileSync(path.join(import.meta.dirname, 'cost/prices.yaml'), 'utf8')));
const figures = await measured();
const text = page(data, figures, await monthly(data, figures));
writeFileSync(path.join(ROOT, 'docs/cost.md'), text);
process.stdout.write(`${text.split('\n').find((line) => line.startsWith('Ten duties')) ?? ''}\n`);
