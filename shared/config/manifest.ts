// functions/<duty>/function.yaml: what a duty is, when it runs, what it may use. Hosts, build, Terraform and README read these.
// Checks and reads; starts nothing.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Cron } from 'croner';
import { z } from 'zod';
import { ConfigurationError, describeError } from '../core/errors.ts';
import { TimeZone } from '../core/policy.ts';
import { readCapabilities } from './capabilities.ts';
import { closest } from './closest.ts';
import { checkedValue, valueAt } from './problems.ts';
import type { Mistake } from './problems.ts';
import { parseYaml } from './yaml-source.ts';

const REMEDY = 'functions/rebalance/function.yaml is a working example; CONTRIBUTING.md explains the fields.';

/** Five fields, as Cloud Scheduler and PingSource take them; names of months and days, none of cron's many extensions. */
const FIVE_FIELDS = /^[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4}$/;
const NAMES = new Set('JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC SUN MON TUE WED THU FRI SAT'.split(' '));

const CronExpression = z
  .string()
  .refine(isCron, 'a cron expression of five fields that comes due some day, such as */15 * * * *')
  .describe('Cron expression of five fields: minute, hour, day of month, month, day of week');

function isCron(text: string): boolean {
  const words = text.match(/[A-Za-z]+/g) ?? [];
  if (!FIVE_FIELDS.test(text) || words.some((word) => !NAMES.has(word.toUpperCase()))) {
    return false;
  }
  try {
    // From a fixed day, so that the answer does not depend on when it is asked; 29 February is found from any.
    return new Cron(text, { paused: true, mode: '5-part', timezone: 'UTC' }).nextRun(new Date(0)) !== null;
  } catch {
    return false;
  }
}

const Triggers = z
  .strictObject({
    schedule: CronExpression.optional(),
    timezone: TimeZone.default('UTC').describe('IANA time zone of the schedule'),
    topic: z.boolean().default(false).describe('Listens to its own Pub/Sub topic, nightshift-<name>'),
    http: z.boolean().default(true).describe('Answers POST /<name>'),
  })
  .refine(
    ({ schedule, topic, http }) => schedule !== undefined || topic || http,
    'without schedule, topic and http the duty would never run',
  );

/** The manifest of one duty. */
export const FunctionManifest = z
  .strictObject({
    name: z
      .string()
      // Names of functions, services, topics and service accounts are made from it; the shortest limit is 30 with the prefix.
      .regex(/^[a-z]([a-z0-9-]{0,17}[a-z0-9])?$/, 'a kebab-case name of at most 19 characters, the same as its folder'),
    kind: z
      .enum(['duty', 'driver'])
      .default('duty')
      .describe('A duty looks, decides and reports for a scope; a driver only keeps the runtime going'),
    purpose: z.string().min(10).max(300).describe('One sentence for the table of duties'),
    triggers: Triggers,
    fanOut: z
      .boolean()
      .default(false)
      .describe('A scheduled tick publishes one message per scope; needs triggers.topic'),
    public: z
      .boolean()
      .default(false)
      .describe('Reachable without a Google identity; only for a function that checks the sender itself'),
    timeoutSeconds: z
      .int()
      .min(1)
      .max(3600)
      .default(60)
      .describe('A Cloud Function over HTTP may take an hour at most'),
    memoryMiB: z.int().min(128).max(32_768).default(256),
    concurrency: z.int().min(1).max(1000).default(1).describe('Requests that one instance answers at the same time'),
    maxInstances: z
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe('Instances at the same time. Five scopes at once overrun neither an API server nor a budget'),
    retries: z
      .int()
      .min(0)
      .max(5)
      .default(0)
      .describe('How often the scheduler tries a failed tick again; Cloud Scheduler allows 5'),
    bundleBudgetKiB: z.int().min(1).describe('The build fails when the bundle grows over it'),
    capabilities: z
      .array(z.string())
      .refine((names) => new Set(names).size === names.length, 'each capability once')
      .describe('What it may use, by the names of shared/config/capabilities.yaml'),
  })
  .refine(
    ({ fanOut, triggers }) => !fanOut || triggers.topic,
    'fanOut needs triggers.topic: the scopes are handed out over it',
  );
export type FunctionManifest = z.infer<typeof FunctionManifest>;

/**
 * The manifests of all folders in `folder` that hold a function.yaml, sorted by name. Fails with a FileError (wrong file)
 * or a ConfigurationError (no such folder).
 */
export async function readManifests(folder: string): Promise<readonly FunctionManifest[]> {
  const capabilities = [...(await readCapabilities()).keys()];
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new ConfigurationError(`The folder of duties ${folder} cannot be read: ${describeError(error)}.`, {
      cause: error,
    });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const manifests = await Promise.all(
    names.sort().map(async (name) => {
      const file = path.join(folder, name, 'function.yaml');
      const text = await textOf(file);
      return text === undefined ? [] : [parseManifest(text, file, { folderName: name, capabilities })];
    }),
  );
  return manifests.flat();
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw new ConfigurationError(`${file} cannot be read: ${describeError(error)}.`, { cause: error });
  }
}

/** One manifest from its text; `capabilities` are the names that it may use. */
export function parseManifest(
  text: string,
  source: string,
  { folderName, capabilities }: { readonly folderName: string; readonly capabilities: readonly string[] },
): FunctionManifest {
  const file = parseYaml(text, source, REMEDY);
  const more = [...nameMistakes(file.value, folderName), ...capabilityMistakes(file.value, capabilities)];
  return checkedValue(FunctionManifest, file, source, { remedy: REMEDY, more });
}

function nameMistakes(value: unknown, folderName: string): readonly Mistake[] {
  const name = valueAt(value, ['name']);
  return typeof name !== 'string' || name === folderName
    ? []
    : [
        {
          path: ['name'],
          part: 'value',
          message: `expected ${folderName}, the name of its folder, got ${JSON.stringify(name)}`,
        },
      ];
}

function capabilityMistakes(value: unknown, known: readonly string[]): readonly Mistake[] {
  const names = valueAt(value, ['capabilities']);
  return (Array.isArray(names) ? names : []).flatMap((name: unknown, index): readonly Mistake[] => {
    if (typeof name !== 'string' || known.includes(name)) {
      return [];
    }
    const meant = closest(name, known);
    const hint = meant === undefined ? `there are ${known.join(', ')}` : `did you mean ${meant}?`;
    return [
      {
        path: ['capabilities', index],
        part: 'value',
        message: `expected a capability of capabilities.yaml, got ${JSON.stringify(name)}; ${hint}`,
      },
    ];
  });
}

/** JSON Schema (draft 7) of function.yaml for editors; `capabilities` become a choice. */
export function manifestSchema(capabilities: readonly string[]): object {
  const schema = z.toJSONSchema(FunctionManifest, { io: 'input', target: 'draft-7', unrepresentable: 'any' });
  const { properties = {} } = schema;
  const items = { type: 'string', enum: [...capabilities] };
  return {
    ...schema,
    title: 'Nightshift function.yaml',
    properties: {
      ...properties,
      capabilities: { ...(properties['capabilities'] as object), items, uniqueItems: true },
    },
  };
}
