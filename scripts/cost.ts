// `node scripts/cost.ts`: measures what a run takes on the embedded platform and writes docs/cost.md, the price of a month. Prices and
// assumptions are data in scripts/cost/prices.yaml.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadScenario, parseScenario, type Scenario } from '../fixtures/platform/scenario.ts';
import { readManifests } from '../shared/config/manifest.ts';
import { openScenario } from '../shared/local/scenario.ts';
import type { Store } from '../shared/ports/store.ts';
import type { Surroundings } from '../shared/runtime/context.ts';
import { runDuty } from '../shared/runtime/run.ts';
import { settle } from '../shared/runtime/settle.ts';
import { bill, type Figures, type MonthlyDuty, quantities, type Quantity, ticksPerMonth, total } from './cost/month.ts';
import { table } from './markdown-table.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
/** A namespace of 500 pods: more than most have, so that the page errs upwards. */
const SCENARIO = 'fixtures/rebalance/five-hundred-pods';
const RUNS = 10;

const Price = z.strictObject({
  usd: z.number(),
  free: z.number(),
  per: z.string(),
  source: z.url(),
  confirmed: z.enum(['page', 'no']),
});
const Data = z.strictObject({
  prices: z.strictObject({
    cpuSecond: Price,
    memoryGibSecond: Price,
    request: Price,
    schedulerJob: Price,
    storeRead: Price,
    storeWrite: Price,
    storeExpiry: Price,
    storeGib: Price,
    messageGib: Price,
    secretVersion: Price,
    secretAccess: Price,
    imageGib: Price,
    bundleGib: Price,
    logGib: Price,
  }),
  date: z.iso.date(),
  assumptions: z.record(z.string(), z.number()).and(
    z.looseObject({
      secondsPerCall: z.number(),
      vcpu: z.number(),
      coldStartSeconds: z.number(),
      warmMinutes: z.number(),
      warmInstanceStartsPerDay: z.number(),
      logKibPerRequest: z.number(),
      bundleGib: z.number(),
      namespaces: z.number(),
      repositories: z.number(),
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
      runs: z.enum(['once', 'per-namespace']),
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

/** As large as the assumptions say: most repositories are quiet, some build now and then, and nothing fails any more. */
function builds({ repositories }: { readonly repositories: number }): Scenario {
  const { policy } = loadScenario(path.join(ROOT, 'fixtures/pipeline-retry/transient'));
  const passed = { number: 1, commit: '0000000f', createdAt: '-2m', steps: [{ name: 'Build', log: 'ok\n' }] };
  return parseScenario({
    name: 'builds',
    case: {
      why: 'An hour of builds, for its price.',
      now: '2026-03-04T00:00:00Z',
      scope: { workspace: 'example' },
      expect: {},
    },
    policy,
    bitbucket: {
      repositories: Array.from({ length: repositories }, (_, index) => ({
        slug: `service-${String(index).padStart(3, '0')}`,
        branches: { main: '0000000f' },
        pipelines: index < repositories / 5 ? [passed] : [],
      })),
    },
  });
}

interface Measured {
  readonly duty: string;
  readonly scenario: Scenario;
  /** The clock goes on by a minute after each. */
  readonly runs: number;
  /** Measured on the same store and platform, after the duty. */
  readonly withSettle?: boolean;
}

async function measured({ assumptions }: Data): Promise<Readonly<Record<string, Figures>>> {
  const all: readonly Measured[] = [
    { duty: 'rebalance', scenario: loadScenario(path.join(ROOT, SCENARIO)), runs: RUNS, withSettle: true },
    // An hour, in which every repository is listed as often as the policy says.
    { duty: 'pipeline-retry', scenario: builds(assumptions), runs: 60 },
    {
      duty: 'pipeline-report',
      scenario: loadScenario(path.join(ROOT, 'fixtures/pipeline-report/broken-branch')),
      runs: 3,
    },
  ];
  const figures: Record<string, Figures> = {};
  for (const one of all) {
    Object.assign(figures, await measuredOn(one));
  }
  return figures;
}

async function measuredOn({ duty, scenario: loaded, runs, withSettle }: Measured): Promise<Record<string, Figures>> {
  const scenario = await openScenario(loaded, { duty });
  try {
    const counts: Counts = { reads: 0, writes: 0 };
    const { surroundings } = scenario.ready;
    const ports = { ...surroundings.ports, store: counted(scenario.store, counts) };
    const own: Surroundings = { ...surroundings, ports };
    const once = async (): Promise<void> => {
      await runDuty(own, scenario.ready.duty, scenario.ready.policy, {
        scope: scenario.scenario.case.scope,
        dryRun: false,
        trigger: 'manual',
        timeoutSeconds: scenario.ready.manifest.timeoutSeconds,
      });
    };
    const measure = async (work: () => Promise<unknown>): Promise<Figures> => {
      await work(); // The first one loads code, and does what there is to do.
      const calls = scenario.platform.calls.length;
      counts.reads = 0;
      counts.writes = 0;
      const before = process.cpuUsage();
      for (let run = 0; run < runs; run += 1) {
        await work();
        scenario.platform.clock.advance(60_000);
      }
      const { user, system } = process.cpuUsage(before);
      return {
        cpuSeconds: (user + system) / 1e6 / runs,
        calls: (scenario.platform.calls.length - calls) / runs,
        storeReads: counts.reads / runs,
        storeWrites: counts.writes / runs,
      };
    };
    const figures: Record<string, Figures> = { [duty]: await measure(once) };
    return withSettle === true ? { ...figures, settle: await measure(() => settle(own)) } : figures;
  } finally {
    await scenario.close();
  }
}

async function monthly(data: Data, figures: Readonly<Record<string, Figures>>): Promise<readonly MonthlyDuty[]> {
  const manifests = await readManifests(path.join(ROOT, 'functions'));
  const { namespaces } = data.assumptions;
  return data.duties.map(({ name, like = name, schedule, runs }) => {
    const manifest = manifests.find((one) => one.name === like);
    const found = figures[like];
    const cron = schedule ?? manifest?.triggers.schedule;
    if (manifest === undefined || found === undefined || cron === undefined) {
      throw new Error(`prices.yaml: ${name} is like no measured duty, or has no schedule.`);
    }
    const ticks = ticksPerMonth(cron);
    return {
      name,
      memoryMib: manifest.memoryMiB,
      runs: runs === 'once' ? ticks : ticks * namespaces,
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
    bundleGib: assumptions.bundleGib,
  });
  const lines = bill(amounts, data.prices);
  const usd = (value: number): string => value.toFixed(2);
  const after = total(lines);
  const jobs = lines.find(({ quantity }) => quantity === 'schedulerJob')?.usdAfterFree ?? 0;
  const isOfStore = (quantity: Quantity): boolean => quantity.startsWith('store');
  const unconfirmed = Object.entries(data.prices).flatMap(([name, { confirmed }]) =>
    confirmed === 'no' ? [name] : [],
  );
  return `${[
    '# What a month costs',
    '<!-- written by node scripts/cost.ts; prices and assumptions stand in scripts/cost/prices.yaml -->',
    `Ten duties at their schedules, ${String(assumptions.namespaces)} namespaces of 500 pods and ${String(assumptions.repositories)} repositories: **${usd(after)} USD a month** with the free tiers, of which ${usd(jobs)} are Cloud Scheduler's jobs; ${usd(total(lines, isOfStore))} USD where another database of the project has the store's free quota; ${usd(total(lines, () => true))} USD without any free tier.`,
    `The goal was less than one dollar, which ${after < 1 ? 'holds' : 'is missed'} with the free tiers and ${total(lines, isOfStore) < 1 ? 'holds' : 'does not hold'} where the store has none. They are given once a billing account (functions, schedules, secrets, images) or once a project (store): what else runs there uses them as well.`,
    table(
      ['what', 'amount', 'USD', 'USD after the free tier', 'price'],
      [
        ...lines.map(({ quantity, amount, usd: full, usdAfterFree }) => [
          quantity,
          amount >= 100 ? Math.round(amount).toLocaleString('en') : amount.toFixed(2),
          usd(full),
          usd(usdAfterFree),
          `[${data.prices[quantity].per}](${data.prices[quantity].source})${data.prices[quantity].confirmed === 'no' ? ' (not confirmed)' : ''}`,
        ]),
        ['sum', '', usd(total(lines, () => true)), usd(after), ''],
      ],
    ),
    '## What a run takes',
    `Measured over ${String(RUNS)} runs of rebalance and settle on ${SCENARIO}, an hour of pipeline-retry on ${String(assumptions.repositories)} repositories of which a fifth builds, and pipeline-report on fixtures/pipeline-report/broken-branch, with nothing left to change; the processor time includes the doubles of the embedded platform, which work in the same process, and errs upwards.`,
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
    `## Assumptions\n\nList prices of tier 1 regions. Those that are not marked were read on stored copies of Google's pages on ${data.date}, whose own day is not known; no copy showed the numbers of ${unconfirmed.join(', ')}. Hold them against the pages that are named, and correct scripts/cost/prices.yaml. The duties of this repository run at the schedules of their \`function.yaml\`; the others stand for duties to come.`,
    table(
      ['assumption', 'value'],
      Object.entries(assumptions).map(([name, value]) => [name, String(value)]),
    ),
    'Not in it: the model (it runs on machines that are there anyway), VictoriaMetrics, network egress (kilobytes), builds (the free build minutes of a month last for hundreds of deployments), failed builds that are run again, and the webhooks of builds: a tenth of a second of `ingress` for each.',
  ].join('\n\n')}\n`;
}

const data = Data.parse(parse(readFileSync(path.join(import.meta.dirname, 'cost/prices.yaml'), 'utf8')));
const figures = await measured(data);
const text = page(data, figures, await monthly(data, figures));
writeFileSync(path.join(ROOT, 'docs/cost.md'), text);
process.stdout.write(`${text.split('\n').find((line) => line.startsWith('Ten duties')) ?? ''}\n`);
