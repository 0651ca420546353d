// `node scripts/cut-provider.ts --from <unpacked @cdktf/provider-google>`: cuts the schemas of the resources that terraform/ uses out of
// the package's sources into terraform/tests/provider/google.json. The package is 300 MB, so it is no dependency. It reads only.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { parse as parseYaml } from 'yaml';

/** A type as Terraform's protocol writes it in JSON: `"string"`, `["list","string"]`, `["list",["object",{…}]]`. */
export type CtyType = string | readonly [string, CtyType | Readonly<Record<string, CtyType>>];

export interface Attribute {
  readonly type: CtyType;
  readonly required?: true;
  readonly optional?: true;
  readonly computed?: true;
  /** Never stored: only a create or an update sees it. */
  readonly writeOnly?: true;
}

export interface Block {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly blocks: Readonly<Record<string, NestedBlock>>;
}

export interface NestedBlock extends Block {
  readonly nesting: 'single' | 'list' | 'set';
  readonly min: number;
  /** 0: as many as one likes. */
  readonly max: number;
}

export interface ProviderSchema {
  readonly source: {
    readonly package: string;
    readonly version: string;
    readonly provider: string;
    readonly licence: string;
  };
  readonly differences: readonly Difference[];
  readonly provider: Block;
  readonly resources: Readonly<Record<string, Block>>;
  readonly data: Readonly<Record<string, Block>>;
}

const Difference = z.strictObject({
  /** Names from the resource inwards, the last one being what is set. */
  at: z.array(z.string()).min(2),
  why: z.string().min(1),
  source: z.string().min(1),
  date: z.iso.date(),
  attribute: z.looseObject({}).optional(),
  block: z.looseObject({}).optional(),
});
type Difference = z.infer<typeof Difference>;

const Used = z.strictObject({
  resources: z.array(z.string()).min(1),
  data: z.array(z.string()),
  /** Settings of the provider itself; it has hundreds. */
  provider: z.array(z.string()),
  differences: z.array(Difference),
});

const FOLDER = path.resolve(import.meta.dirname, '../terraform/tests/provider');

interface Member {
  readonly name: string;
  readonly computed: boolean;
  readonly optional: boolean;
  readonly required: boolean;
  /** What follows the comment: how the value is held. */
  readonly code: string;
}

/** The schema of one resource or data source from the TypeScript that the package was made of. */
export function blockOf(source: string, className: string): Block {
  const body = bodyOf(source, className);
  const attributes: Record<string, Attribute> = {};
  const blocks: Record<string, NestedBlock> = {};
  for (const member of membersOf(body)) {
    const nested =
      /new ([A-Za-z0-9]+)(?<!StringMap|NumberMap|BooleanMap)\(this, "[a-z0-9_]+"(?:, (true|false))?\)/.exec(
        member.code,
      );
    if (nested !== null && !/new cdktf\./.test(member.code)) {
      const [, type = '', isSet] = nested;
      const inner = blockOf(source, type.replace(/List$/, 'OutputReference'));
      if (isBlock(source, member.name, className)) {
        const isSingle = member.name === 'timeouts';
        blocks[member.name] = {
          nesting: isSingle ? 'single' : isSet === 'true' ? 'set' : 'list',
          min: member.required ? 1 : 0,
          max: type.endsWith('List') || isSingle ? 0 : 1,
          ...inner,
        };
      } else {
        attributes[member.name] = attribute(member, [isSet === 'true' ? 'set' : 'list', objectType(inner)]);
      }
    } else {
      attributes[member.name] = attribute(member, simpleType(member));
    }
  }
  return { attributes: sorted(attributes), blocks: sorted(blocks) };
}

function attribute(member: Member, type: CtyType): Attribute {
  return {
    type,
    ...(member.required ? { required: true as const } : {}),
    ...(member.optional ? { optional: true as const } : {}),
    ...(member.computed ? { computed: true as const } : {}),
  };
}

function objectType({ attributes, blocks }: Block): CtyType {
  const fields = Object.entries(attributes).map(([name, { type }]) => [name, type] as const);
  const nested = Object.entries(blocks).map(([name, block]) => [name, ['list', objectType(block)] as CtyType] as const);
  return ['object', Object.fromEntries([...fields, ...nested])];
}

function simpleType({ name, code }: Member): CtyType {
  const kinds: readonly (readonly [RegExp, CtyType])[] = [
    [/cdktf\.Fn\.tolist\(this\.getListAttribute/, ['set', 'string']],
    [/cdktf\.Fn\.tolist\(this\.getNumberListAttribute/, ['set', 'number']],
    [/this\.getListAttribute/, ['list', 'string']],
    [/this\.getNumberListAttribute/, ['list', 'number']],
    [/this\.getStringAttribute/, 'string'],
    [/this\.getNumberAttribute/, 'number'],
    [/this\.getBooleanAttribute/, 'bool'],
    [/this\.getStringMapAttribute|new cdktf\.StringMap\(/, ['map', 'string']],
    [/this\.getBooleanMapAttribute|new cdktf\.BooleanMap\(/, ['map', 'bool']],
    [/this\.getNumberMapAttribute|new cdktf\.NumberMap\(/, ['map', 'number']],
  ];
  const found = kinds.find(([pattern]) => pattern.test(code))?.[1];
  if (found === undefined) {
    throw new Error(`The type of ${name} is not understood: ${code.trim().slice(0, 200)}`);
  }
  return found;
}

/** The generator tells blocks from attributes only where it writes HCL; what is only computed never stands there. */
function isBlock(source: string, name: string, className: string): boolean {
  const owner = className.replace(/(OutputReference|List)$/, '');
  const isNested = owner !== className;
  const hcl = isNested
    ? new RegExp(`export function ${owner.charAt(0).toLowerCase()}${owner.slice(1)}ToHclTerraform[\\s\\S]*?\\n}`).exec(
        source,
      )?.[0]
    : /protected synthesizeHclAttributes[\s\S]*/.exec(bodyOf(source, className))?.[0];
  return new RegExp(`\\n\\s+${name}: \\{\\n[^}]*?isBlock: true`).test(hcl ?? '');
}

function bodyOf(source: string, className: string): string {
  const body = new RegExp(`export class ${className} extends [\\s\\S]*?\\n}\\n`).exec(`${source}\n`)?.[0];
  if (body === undefined) {
    throw new Error(`There is no class ${className}.`);
  }
  return body;
}

function membersOf(body: string): readonly Member[] {
  const parts = body.split(/\n\s+\/\/ (?=[a-z0-9_]+ - computed: )/).slice(1);
  return parts.map((part) => {
    const head = /^([a-z0-9_]+) - computed: (true|false), optional: (true|false), required: (true|false)\n/.exec(part);
    const [all = '', name = '', computed, optional, required] = head ?? [];
    return {
      name,
      computed: computed === 'true',
      optional: optional === 'true',
      required: required === 'true',
      // Up to the end of its first getter.
      code: part.slice(all.length).split(/\n {2}\}/)[0] ?? '',
    };
  });
}

function sorted<T>(members: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The original TypeScript, which the source map of the package carries. */
function sourceOf(folder: string, module: string): string {
  const text = readFileSync(path.join(folder, 'lib', module, 'index.js'), 'utf8');
  const map = /sourceMappingURL=data:application\/json;base64,(\S+)/.exec(text)?.[1] ?? '';
  const { sourcesContent } = JSON.parse(Buffer.from(map, 'base64').toString('utf8')) as {
    readonly sourcesContent: readonly string[];
  };
  return sourcesContent[0] ?? '';
}

function schemaOf(folder: string, type: string, kind: 'resource' | 'data'): Block {
  const module = `${kind === 'data' ? 'data-google-' : ''}${type.replace(/^google_/, '').replaceAll('_', '-')}`;
  const source = sourceOf(folder, module);
  const base = kind === 'data' ? 'TerraformDataSource' : 'TerraformResource';
  const className = new RegExp(`export class (\\w+) extends cdktf\\.${base}`).exec(source)?.[1] ?? '';
  return blockOf(source, className);
}

/** The provider's own settings are all optional text but for the few that are flags. */
function providerBlock(folder: string, names: readonly string[]): Block {
  const source = readFileSync(path.join(folder, 'lib/provider/index.d.ts'), 'utf8');
  const attributes = names.map((name): [string, Attribute] => {
    const found = new RegExp(
      `#${name} GoogleProvider#${name}\\}\\s+\\*/\\s+readonly \\w+\\?: ([^;]+|\\{[\\s\\S]*?\\});`,
    ).exec(source)?.[1];
    if (found === undefined) {
      throw new Error(`The provider has no setting ${name}.`);
    }
    const type: CtyType = found.includes('boolean') ? 'bool' : found.startsWith('{') ? ['map', 'string'] : 'string';
    return [name, { type, optional: true }];
  });
  return { attributes: Object.fromEntries(attributes), blocks: {} };
}

function withDifference(block: Block, [name = '', ...rest]: readonly string[], difference: Difference): Block {
  if (rest.length > 0) {
    const inner = block.blocks[name];
    if (inner === undefined) {
      throw new Error(`The difference at ${difference.at.join('.')} has no place.`);
    }
    return { ...block, blocks: { ...block.blocks, [name]: { ...inner, ...withDifference(inner, rest, difference) } } };
  }
  return difference.block === undefined
    ? { ...block, attributes: sorted({ ...block.attributes, [name]: difference.attribute as unknown as Attribute }) }
    : { ...block, blocks: sorted({ ...block.blocks, [name]: difference.block as unknown as NestedBlock }) };
}

function main(): void {
  const { values } = parseArgs({ options: { from: { type: 'string' } } });
  const { from } = values;
  if (from === undefined) {
    process.stderr.write('Usage: node scripts/cut-provider.ts --from <unpacked @cdktf/provider-google>\n');
    process.exitCode = 2;
    return;
  }
  const used = Used.parse(parseYaml(readFileSync(path.join(FOLDER, 'used.yaml'), 'utf8')));
  const packageJson = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
    readonly license: string;
  };
  const whole = (kind: 'resource' | 'data', types: readonly string[]): Readonly<Record<string, Block>> =>
    Object.fromEntries(
      types.toSorted().map((type) => {
        const changes = kind === 'resource' ? used.differences.filter(({ at }) => at[0] === type) : [];
        return [
          type,
          changes.reduce(
            (block, change) => withDifference(block, change.at.slice(1), change),
            schemaOf(from, type, kind),
          ),
        ];
      }),
    );
  const provider = /providerVersion: '([0-9.]+)'/.exec(sourceOf(from, 'pubsub-topic'))?.[1] ?? '';
  const schema: ProviderSchema = {
    source: {
      package: packageJson.name,
      version: packageJson.version,
      provider: `hashicorp/google ${provider}`,
      licence: packageJson.license,
    },
    differences: used.differences,
    provider: providerBlock(from, used.provider),
    resources: whole('resource', used.resources),
    data: whole('data', used.data),
  };
  const text = `${JSON.stringify(schema, undefined, 1)}\n`;
  writeFileSync(path.join(FOLDER, 'google.json'), text);
  process.stdout.write(`terraform/tests/provider/google.json: ${String(text.length)} characters\n`);
}

if (import.meta.main) {
  main();
}
