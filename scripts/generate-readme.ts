// Writes the README's tables, docs/duties/<duty>.md and what Terraform reads from the files that they describe; `--check` fails when they differ.
// Nothing in them is typed by hand.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { type Capability, type KubernetesRule, readCapabilities } from '../shared/config/capabilities.ts';
import { type FunctionManifest, manifestSchema, readManifests } from '../shared/config/manifest.ts';
import { policySchema } from '../shared/config/policy.ts';
import { SETTINGS } from '../shared/config/settings.ts';
import { findDuties, type FoundDuty } from '../shared/local/duties.ts';
import { code, type Row, table } from './markdown-table.ts';
import { readRuleHeader, type RuleHeader, ruleOrder } from './rule-header.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const README = 'README.md';

interface PolicyDefault {
  readonly value: string;
  readonly description: string;
}

/** Name in the policy, such as `storm.window`, to default and meaning. */
type PolicyDefaults = ReadonlyMap<string, PolicyDefault>;

function duties(found: readonly FoundDuty[]): string {
  return table(
    ['duty', 'purpose', 'schedule', 'scopes', 'time-out'],
    found.map(({ manifest }) => [
      `[${code(manifest.name)}](docs/duties/${manifest.name}.md)`,
      manifest.purpose,
      scheduleOf(manifest),
      manifest.fanOut ? 'one run each' : 'one after another',
      `${String(manifest.timeoutSeconds)} s`,
    ]),
  );
}

function scheduleOf({ triggers }: FoundDuty['manifest']): string {
  return triggers.schedule === undefined ? '' : `${code(triggers.schedule)} ${triggers.timezone}`;
}

function permissions(manifests: readonly FunctionManifest[], capabilities: ReadonlyMap<string, Capability>): string {
  return table(
    ['capability', 'what it is for', 'permissions', '', 'duties and drivers'],
    [...capabilities].map(([name, capability]) => [
      code(name),
      capability.description,
      permissionsOf(capability),
      capability.writes ? 'writes' : 'reads',
      manifests.flatMap((one) => (one.capabilities.includes(name) ? [code(one.name)] : [])).join(', '),
    ]),
  );
}

function permissionsOf(capability: Capability): string {
  const rules = [...Map.groupBy(capability.kubernetes, verbsKey).values()].map(kubernetesWords);
  const list = (system: string, names: readonly string[]): readonly string[] =>
    names.length === 0 ? [] : [`${system} ${names.map(code).join(', ')}`];
  return [
    ...rules,
    ...list('Slack', capability.slack),
    ...list('Jira', capability.jira),
    ...list('Bitbucket', capability.bitbucket),
    ...capability.gcp.map(
      ({ role, permissions: single = [], on }) =>
        `Google ${[role ?? [], ...single].flat().map(code).join(', ')} on the ${on}`,
    ),
    ...list('settings', capability.settings),
  ].join('; ');
}

function resourceOf({ group, resource, subresource }: KubernetesRule): string {
  return `${resource}${subresource === '' ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`;
}

function verbsKey(rule: KubernetesRule): string {
  return `${rule.verb} ${String(rule.clusterWide)}`;
}

function kubernetesWords(rules: readonly KubernetesRule[]): string {
  const [first] = rules;
  const place = first?.clusterWide === true ? ' of the whole cluster' : '';
  return `${first?.verb ?? ''} ${rules.map((rule) => code(resourceOf(rule))).join(', ')}${place}`;
}

function environment(): string {
  return table(
    ['variable', 'default', 'what it is', 'used by'],
    SETTINGS.map(({ name, secret, alternatives = [], default: standard, description, usedBy }) => [
      [name, ...(secret ? [`${name}_FILE`] : []), ...alternatives].map(code).join(', '),
      standard === undefined ? '' : code(standard),
      description,
      usedBy,
    ]),
  );
}

async function dependencies(): Promise<string> {
  const reasons = parse(await readFile(path.join(ROOT, 'docs/dependencies.yaml'), 'utf8')) as Record<string, string>;
  const manifest = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const shipped = Object.keys(manifest.dependencies);
  const development = Object.keys(manifest.devDependencies);
  const used = [...shipped, ...development];
  const wrong = [
    ...used.filter((name) => reasons[name] === undefined),
    ...Object.keys(reasons).filter((name) => !used.includes(name)),
  ];
  if (wrong.length > 0) {
    throw new Error(
      `docs/dependencies.yaml and package.json differ: ${wrong.join(', ')}. Every dependency has its reason there, and only those.`,
    );
  }
  const row =
    (kind: string) =>
    (name: string): Row => [code(name), kind, reasons[name] ?? ''];
  return table(['library', '', 'why'], [...shipped.map(row('shipped')), ...development.map(row('development'))]);
}

interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly allOf?: readonly Schema[];
}

function policyDefaults(found: readonly FoundDuty[]): ReadonlyMap<string, PolicyDefaults> {
  const schema = policySchema(Object.fromEntries(found.map(({ duty }) => [duty.name, duty.policy]))) as Schema;
  return new Map(
    found.map(({ duty }) => {
      const properties = schema.properties?.['duties']?.properties?.[duty.name]?.properties ?? {};
      return [duty.name, new Map(Object.entries(properties).flatMap(([name, setting]) => settingsOf(name, setting)))];
    }),
  );
}

/** A setting by its name; one that holds others has none of its own, and they follow it as `storm.window`. */
function settingsOf(name: string, schema: Schema): readonly (readonly [string, PolicyDefault])[] {
  const description = schema.description ?? '';
  const inner = [schema, ...(schema.allOf ?? [])].flatMap(({ properties }) => Object.entries(properties ?? {}));
  return inner.length === 0
    ? [[name, { value: shown(schema.default), description }]]
    : [[name, { value: '', description }], ...inner.flatMap(([key, one]) => settingsOf(`${name}.${key}`, one))];
}

function shown(value: unknown): string {
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** The rules of a duty as their files describe themselves, with the policy's defaults put in. */
async function rules(duty: string, defaults: PolicyDefaults): Promise<string> {
  const headers = await ruleHeaders(duty);
  return table(
    ['rule', 'when', 'then'],
    headers.map((header) => [
      `[${code(header.name)}](${header.file})`,
      withDefaults(header.when, defaults),
      withDefaults(header.then, defaults),
    ]),
  );
}

async function ruleHeaders(duty: string): Promise<readonly RuleHeader[]> {
  const folder = `functions/${duty}/rules`;
  const files = await readdir(path.join(ROOT, folder)).catch(() => []);
  const headers = await Promise.all(
    files.map(async (file) =>
      readRuleHeader(`${folder}/${file}`, await readFile(path.join(ROOT, folder, file), 'utf8')),
    ),
  );
  return headers.sort(ruleOrder);
}

/** `policy.oomKills` becomes `oomKills` (3). A name that is an ordinary word counts only with `policy.` before it. */
function withDefaults(text: string, defaults: PolicyDefaults): string {
  return text.replaceAll(
    /(policy\.)?\b([a-z]+(?:[A-Z][a-z]+)*(?:\.[a-z]+(?:[A-Z][a-z]+)*)*)\b/g,
    (whole, prefix: string | undefined, name: string) => {
      const setting = defaults.get(name);
      const isMeant = prefix !== undefined || /[A-Z]/.test(name);
      return setting === undefined || !isMeant
        ? whole
        : `${code(name)}${setting.value === '' ? '' : ` (${setting.value})`}`;
    },
  );
}

async function dutyPage({ manifest }: FoundDuty, defaults: PolicyDefaults): Promise<string> {
  const { name, purpose, capabilities, timeoutSeconds, memoryMiB, bundleBudgetKiB } = manifest;
  const schedule = scheduleOf(manifest);
  const ruleTable = (await rules(name, defaults)).replaceAll('](functions/', '](../../functions/');
  const settings = [...defaults].map(([setting, { value, description }]): Row => [
    code(setting),
    value === '' ? '' : code(value),
    description,
  ]);
  return `${[
    `# ${name}`,
    `<!-- generated by npm run generate; every word comes from functions/${name} -->`,
    `${purpose}.`,
    table(
      ['', ''],
      [
        ['starts', [schedule, code(`POST /${name}`)].filter((text) => text !== '').join('; ')],
        ['time-out', `${String(timeoutSeconds)} s`],
        ['memory', `${String(memoryMiB)} MiB`],
        ['bundle budget', `${String(bundleBudgetKiB)} KiB`],
        ['capabilities', capabilities.map(code).join(', ')],
      ],
    ),
    '## Rules',
    'The number behind a setting is its default.',
    ruleTable,
    '## Settings',
    `Under ${code(`duties.${name}`)} in the policy.`,
    table(['setting', 'default', 'what it is, and why'], settings),
  ].join('\n\n')}\n`;
}

/** Every generated part of the README, by the name in its markers. */
async function readmeParts(
  found: readonly FoundDuty[],
  defaults: ReadonlyMap<string, PolicyDefaults>,
): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['duties', duties(found)],
    ['rules of rebalance', await rules('rebalance', defaults.get('rebalance') ?? new Map())],
    ['permissions', permissions(await readManifests(path.join(ROOT, 'functions')), await readCapabilities())],
    ['environment', environment()],
    ['dependencies', await dependencies()],
  ]);
}

/** `text` with what stands between the markers of each part made anew. */
export function withParts(text: string, parts: ReadonlyMap<string, string>): string {
  return [...parts].reduce((before, [name, content]) => {
    const begin = `<!-- generated: ${name} -->`;
    const end = `<!-- end: ${name} -->`;
    const from = before.indexOf(begin);
    const to = before.indexOf(end);
    if (from < 0 || to < from) {
      throw new Error(`README.md has no part between "${begin}" and "${end}".`);
    }
    return `${before.slice(0, from + begin.length)}\n\n${content}\n\n${before.slice(to)}`;
  }, text);
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** All generated files as they should be, by their path in the repository. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const found = await findDuties();
  const defaults = policyDefaults(found);
  const readme = withParts(await readFile(path.join(ROOT, README), 'utf8'), await readmeParts(found, defaults));
  const pages = await Promise.all(
    found.map(async (one): Promise<[string, string]> => [
      `docs/duties/${one.manifest.name}.md`,
      await dutyPage(one, defaults.get(one.manifest.name) ?? new Map()),
    ]),
  );
  return new Map([
    [README, readme],
    ...pages,
    ['functions/function.schema.json', json(manifestSchema([...(await readCapabilities()).keys()]))],
    ['terraform/timezones.json', json([...new Set(['UTC', ...Intl.supportedValuesOf('timeZone')])].sort())],
  ]);
}

/** The generated files that differ from what lies there, each with a line that tells what to do. */
export async function outdatedFiles(): Promise<readonly string[]> {
  const files = [...(await generatedFiles())];
  const current = await Promise.all(
    files.map(([file]) => readFile(path.join(ROOT, file), 'utf8').catch(() => undefined)),
  );
  return files.flatMap(([file, text], index) => (current[index] === text ? [] : [file]));
}

async function write(): Promise<void> {
  await mkdir(path.join(ROOT, 'docs/duties'), { recursive: true });
  for (const [file, text] of await generatedFiles()) {
    await writeFile(path.join(ROOT, file), text);
  }
}

if (process.argv[1] === import.meta.filename) {
  if (process.argv.includes('--check')) {
    const outdated = await outdatedFiles();
    process.exitCode = outdated.length === 0 ? 0 : 1;
    console.log(
      outdated.length === 0
        ? 'Everything is up to date.'
        : `Out of date: ${outdated.join(', ')}. Run npm run generate.`,
    );
  } else {
    await write();
  }
}
