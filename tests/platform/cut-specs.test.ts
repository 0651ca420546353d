// The cut descriptions in fixtures/specs, how they are cut, and how Google's discovery documents become OpenAPI before.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SPECS_FOLDER, cutSpec, readUsed } from '../../scripts/cut-specs.ts';
import type { UsedSystem } from '../../scripts/cut-specs.ts';
import { openApiOf } from '../../scripts/discovery-document.ts';

const SYSTEMS = ['kubernetes', 'slack', 'jira', 'pubsub'] as const;

describe('the cut descriptions', () => {
  test.each(SYSTEMS)('%s holds each operation that used.yaml names, and says where it comes from', (system) => {
    const cut = JSON.parse(readFileSync(join(SPECS_FOLDER, `${system}.json`), 'utf8')) as {
      'x-cut': Record<string, unknown>;
      paths: Record<string, Record<string, unknown>>;
    };
    for (const operation of readUsed()[system]?.operations ?? []) {
      const [method = '', path = ''] = operation.split(' ');
      expect(cut.paths[path]?.[method.toLowerCase()], operation).toBeDefined();
    }
    const listed = Object.entries(cut.paths).flatMap(([path, members]) =>
      Object.keys(members)
        .filter((method) => method !== 'parameters')
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(listed.sort()).toEqual([...(readUsed()[system]?.operations ?? [])].sort());
    for (const member of ['source', 'path', 'commit', 'version', 'licence', 'date']) {
      expect(cut['x-cut'][member], member).toMatch(/\S/);
    }
    expect(JSON.stringify(cut.paths)).not.toMatch(/"(description|example|summary)":"/);
  });

  const originals = join(SPECS_FOLDER, '..', '..', '..', 'shared', 'specs');
  test.skipIf(!existsSync(originals)).each(SYSTEMS)('%s is what cutting again gives, byte for byte', (system) => {
    const used = readUsed()[system];
    expect(used).toBeDefined();
    if (used !== undefined) {
      const description = readFileSync(join(originals, used.description?.file ?? ''), 'utf8');
      const sources = readFileSync(join(originals, 'SOURCES.md'), 'utf8');
      expect(cutSpec(used, description, sources)).toBe(readFileSync(join(SPECS_FOLDER, `${system}.json`), 'utf8'));
    }
  });

  const small = { swagger: '2.0', paths: { '/a': { get: { responses: {} } } } };
  const sources = 'Fetched 2026-11-20\n| x.json | repo | path | commit | 1 | MIT |';

  function used(operation: string, differences: UsedSystem['differences'] = []): UsedSystem {
    const lists = { prefixes: [], schemas: [], unchecked: [], differences };
    return { name: 'X', description: { file: 'x.json', format: 'openapi' }, operations: [operation], ...lists };
  }

  test('an operation that is not described stops the cut', () => {
    expect(() => cutSpec(used('GET /b'), JSON.stringify(small), sources)).toThrow(/x\.json describes no GET \/b/);
  });

  test('keeps a property that is called like a keyword, and drops the keyword', () => {
    const properties = { description: { type: 'string', description: 'words' }, default: { type: 'string' } };
    const schema = { description: 'words', properties };
    const whole = { ...small, paths: { '/a': { get: { responses: { default: { description: 'words', schema } } } } } };
    const cut = JSON.parse(cutSpec(used('GET /a'), JSON.stringify(whole), sources)) as typeof whole;
    expect(cut.paths['/a'].get.responses).toEqual({
      default: { schema: { properties: { description: { type: 'string' }, default: { type: 'string' } } } },
    });
  });

  test('a difference without its place in the description stops the cut', () => {
    const lost = { at: '/paths/~1b/get/parameters/-', why: 'x', source: 'x', date: '2026-11-20', value: {} };
    expect(() => cutSpec(used('GET /a', [lost]), JSON.stringify(small), sources)).toThrow(/has no place/);
  });

  test('the origin is found where one line of the sources stands for many files', () => {
    const many =
      'Fetched 2026-11-20\n| gcp-<api>-<version>.json (22) | repo | docs/<api>.<v>.json | commit | 1 | MIT |';
    const one: UsedSystem = { ...used('GET /a'), description: { file: 'gcp-mail-v1.json', format: 'openapi' } };
    const cut = JSON.parse(cutSpec(one, JSON.stringify(small), many)) as { 'x-cut': Record<string, unknown> };
    expect(cut['x-cut']).toMatchObject({ source: 'repo', path: 'docs/mail.v1.json', licence: 'MIT' });
    const unknown: UsedSystem = { ...one, description: { file: 'aws-mail.json', format: 'openapi' } };
    expect(() => cutSpec(unknown, JSON.stringify(small), many)).toThrow(/no line for aws-mail\.json/);
  });
});

describe('a discovery document', () => {
  const document = {
    servicePath: 'mail/',
    parameters: { key: { type: 'string', location: 'query', description: 'words' } },
    schemas: {
      Box: {
        id: 'Box',
        type: 'object',
        description: 'words',
        properties: {
          name: { type: 'string', required: true, readOnly: true },
          size: { type: 'integer', format: 'int32', minimum: '1', maximum: '10' },
          state: { type: 'string', enum: ['OPEN'], enumDescriptions: ['words'] },
          inner: { type: 'array', items: { $ref: 'Box' } },
          labels: { type: 'object', additionalProperties: { type: 'any' } },
        },
      },
    },
    resources: {
      users: {
        resources: {
          boxes: {
            methods: {
              patch: {
                id: 'mail.users.boxes.patch',
                httpMethod: 'PATCH',
                path: 'v1/{+name}',
                flatPath: 'v1/users/{usersId}/boxes/{boxesId}',
                parameters: {
                  name: { type: 'string', location: 'path', required: true },
                  updateMask: { type: 'string', location: 'query', required: true, format: 'google-fieldmask' },
                },
                request: { $ref: 'Box' },
                response: { $ref: 'Box' },
              },
            },
          },
        },
      },
    },
    methods: { ping: { id: 'mail.ping', httpMethod: 'GET', path: 'ping' } },
  };

  test('gives paths with the parameters of their own and of all, bodies and replies', () => {
    const box = { $ref: '#/definitions/Box' };
    const key = { in: 'query', name: 'key', type: 'string' };
    expect(openApiOf(document)['paths']).toEqual({
      '/mail/ping': {
        get: {
          operationId: 'mail.ping',
          consumes: ['application/json'],
          parameters: [key],
          responses: { '200': {} },
        },
      },
      '/mail/v1/users/{usersId}/boxes/{boxesId}': {
        patch: {
          operationId: 'mail.users.boxes.patch',
          consumes: ['application/json'],
          parameters: [
            { in: 'path', name: 'usersId', required: true, type: 'string' },
            { in: 'path', name: 'boxesId', required: true, type: 'string' },
            { in: 'query', name: 'updateMask', type: 'string', format: 'google-fieldmask', required: true },
            key,
            { in: 'body', name: 'body', required: true, schema: box },
          ],
          responses: { '200': { schema: box } },
        },
      },
    });
  });

  test('gives schemas with references, limits as numbers, and what is required where JSON Schema has it', () => {
    expect(openApiOf(document)['definitions']).toEqual({
      Box: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string' },
          size: { type: 'integer', format: 'int32', minimum: 1, maximum: 10 },
          state: { type: 'string', enum: ['OPEN'] },
          inner: { type: 'array', items: { $ref: '#/definitions/Box' } },
          labels: { type: 'object', additionalProperties: {} },
        },
      },
    });
  });
});
