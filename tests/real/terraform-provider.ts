// The Google provider's schema, served to Terraform over its plugin protocol: what is configured is checked against the real schema,
// planned and "applied" by its rules, and kept nowhere but in Terraform's state. It knows no cloud but the one that a test describes.
import { decode, encode, ExtData } from '@msgpack/msgpack';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';
import type { Attribute, Block, CtyType, NestedBlock, ProviderSchema } from '../../scripts/cut-provider.ts';
import { type GrpcRequest, type GrpcServer, startGrpcServer } from '../adapters/firestore/grpc-server.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../terraform/tests/provider');

/** What the data sources find: type to its attributes for a configuration, or why it is not there. */
export type Cloud = Readonly<Record<string, (config: Values) => Values | string>>;
export type Values = Readonly<Record<string, unknown>>;

export interface Provider extends AsyncDisposable {
  /** For TF_REATTACH_PROVIDERS. */
  readonly reattach: string;
}

const ADDRESS = 'registry.terraform.io/hashicorp/google';
const NESTING = { single: 1, list: 2, set: 3 } as const;

/** A value that is known after apply: extension type 0 in Terraform's MessagePack. */
const UNKNOWN = new ExtData(0, new Uint8Array([0]));

export function readProviderSchema(): ProviderSchema {
  return JSON.parse(readFileSync(path.join(FOLDER, 'google.json'), 'utf8')) as ProviderSchema;
}

export async function startProvider(cloud: Cloud = {}): Promise<Provider> {
  const schema = readProviderSchema();
  const root = protobuf.parse(readFileSync(path.join(FOLDER, 'tfplugin5.proto'), 'utf8'), { keepCase: true }).root;
  const server: GrpcServer = await startGrpcServer({
    root,
    service: 'tfplugin5.Provider',
    handle: (request) => [answer(schema, cloud, request)],
  });
  const reattach = {
    [ADDRESS]: {
      Protocol: 'grpc',
      ProtocolVersion: 5,
      Pid: process.pid,
      Test: true,
      Addr: { Network: 'tcp', String: server.host },
    },
  };
  return { reattach: JSON.stringify(reattach), [Symbol.asyncDispose]: () => server.close() };
}

function answer(schema: ProviderSchema, cloud: Cloud, { method, message }: GrpcRequest): object {
  const type = typeof message['type_name'] === 'string' ? message['type_name'] : '';
  switch (method) {
    case 'GetSchema':
      return {
        provider: schemaMessage(schema.provider),
        resource_schemas: mapValues(schema.resources, schemaMessage),
        data_source_schemas: mapValues(schema.data, schemaMessage),
      };
    case 'PrepareProviderConfig':
      return { prepared_config: message['config'] };
    case 'UpgradeResourceState':
      return { upgraded_state: { json: (message['raw_state'] as { readonly json?: Uint8Array }).json } };
    case 'ReadResource':
      return { new_state: message['current_state'], private: message['private'] };
    case 'PlanResourceChange':
      return {
        planned_state: planned(blockOf(schema.resources, type), message),
        planned_private: message['prior_private'],
      };
    case 'ApplyResourceChange':
      return { new_state: applied(blockOf(schema.resources, type), message), private: message['planned_private'] };
    case 'ImportResourceState': {
      const state = { ...empty(blockOf(schema.resources, type)), id: message['id'] };
      return { imported_resources: [{ type_name: type, state: pack(state) }] };
    }
    case 'ReadDataSource':
      return dataOf(blockOf(schema.data, type), cloud, type, unpack(message['config']));
    default:
      return {};
  }
}

function dataOf(block: Block, cloud: Cloud, type: string, config: Values | null): object {
  const found = cloud[type]?.(config ?? {}) ?? `The cloud of this test has no ${type}.`;
  return typeof found === 'string'
    ? { diagnostics: [{ severity: 1, summary: found }] }
    : { state: pack(known(block, { ...empty(block), ...config, ...found })) };
}

function blockOf(blocks: Readonly<Record<string, Block>>, type: string): Block {
  const block = blocks[type];
  if (block === undefined) {
    throw new Error(`${type} is not in google.json: add it to used.yaml and cut anew.`);
  }
  return block;
}

/** What an SDK provider plans: what is proposed, and unknown where the cloud decides and has not yet. */
function planned(block: Block, message: Values): object {
  const proposed = unpack(message['proposed_new_state']);
  return pack(
    proposed === null ? null : walk(block, proposed, (attribute) => (attribute.computed === true ? UNKNOWN : null)),
  );
}

function applied(block: Block, message: Values): object {
  const plan = unpack(message['planned_state']);
  return pack(plan === null ? null : known(block, plan));
}

function known(block: Block, values: Values): Values {
  return walk(
    block,
    values,
    () => null,
    (attribute, name) => decided(attribute.type, name),
  );
}

/** `missing` gives what stands for null, `unknown` what stands for unknown. Write-only values are never kept. */
function walk(
  block: Block,
  values: Values,
  missing: (attribute: Attribute) => unknown,
  unknown: (attribute: Attribute, name: string) => unknown = () => UNKNOWN,
): Values {
  const attributes = Object.entries(block.attributes).map(([name, attribute]): [string, unknown] => {
    const value = values[name] ?? null;
    return [
      name,
      attribute.writeOnly === true
        ? null
        : value === null
          ? missing(attribute)
          : value instanceof ExtData
            ? unknown(attribute, name)
            : value,
    ];
  });
  const blocks = Object.entries(block.blocks).map(([name, nested]): [string, unknown] => {
    const value = values[name] ?? null;
    const inner = (one: unknown): Values => walk(nested, one as Values, missing, unknown);
    return [
      name,
      Array.isArray(value) ? value.map(inner) : value === null || value instanceof ExtData ? value : inner(value),
    ];
  });
  return Object.fromEntries([...attributes, ...blocks]);
}

/** What the cloud of these tests decides: always the same, so that a second plan has nothing to see. */
function decided(type: CtyType, name: string): unknown {
  switch (type) {
    case 'string':
      return name === 'uri' || name === 'url'
        ? 'https://nightshift-decided.example.com'
        : name === 'version'
          ? '1'
          : `decided-${name}`;
    case 'number':
      return 1;
    case 'bool':
      return false;
    default:
      return type[0] === 'map' ? {} : [];
  }
}

function empty(block: Block): Values {
  const nested = (one: NestedBlock): unknown => (one.nesting === 'single' ? null : []);
  return { ...mapValues(block.attributes, () => null), ...mapValues(block.blocks, nested) };
}

function schemaMessage(block: Block): object {
  return { version: 0, block: blockMessage(block) };
}

function blockMessage({ attributes, blocks }: Block): object {
  return {
    attributes: Object.entries(attributes).map(([name, { type, writeOnly, ...flags }]) => ({
      name,
      type: Buffer.from(JSON.stringify(type)),
      ...flags,
      write_only: writeOnly === true,
    })),
    block_types: Object.entries(blocks).map(([name, nested]) => ({
      type_name: name,
      block: blockMessage(nested),
      nesting: NESTING[nested.nesting],
      min_items: nested.min,
      max_items: nested.max,
    })),
  };
}

function mapValues<T, U>(members: Readonly<Record<string, T>>, map: (value: T) => U): Readonly<Record<string, U>> {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, map(value)]));
}

function pack(value: unknown): object {
  return { msgpack: encode(value) };
}

function unpack(value: unknown): Values | null {
  const { msgpack } = (value ?? {}) as { readonly msgpack?: Uint8Array };
  return msgpack === undefined || msgpack.length === 0 ? null : (decode(msgpack) as Values | null);
}
