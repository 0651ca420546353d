// Turns a Google API discovery document into the OpenAPI 2.0 form that scripts/cut-specs.ts cuts. Form only: prose stays behind.
// https://developers.google.com/discovery/v1/reference/apis

export type Value = null | boolean | number | string | Value[] | Members;
export interface Members {
  [key: string]: Value;
}

/** What says the same in both forms. */
const SAME_KEYWORDS = ['type', 'format', 'pattern', 'enum'] as const;
const LIMITS = ['minimum', 'maximum'] as const;

export function openApiOf(document: Members): Members {
  const paths: Members = {};
  const everywhere = queryParameters(object(document['parameters']));
  for (const method of methodsOf(document)) {
    const path = `/${text(document['servicePath'])}${text(method['flatPath']) || text(method['path'])}`;
    object((paths[path] ??= {}))[text(method['httpMethod']).toLowerCase()] = operationOf(method, path, everywhere);
  }
  return {
    swagger: '2.0',
    paths,
    definitions: mapped(object(document['schemas']), (schema) => schemaOf(object(schema))),
  };
}

/** Methods of the resources at every depth, and those of no resource. */
function methodsOf(holder: Members): readonly Members[] {
  return [
    ...Object.values(object(holder['methods'])).map(object),
    ...Object.values(object(holder['resources'])).flatMap((resource) => methodsOf(object(resource))),
  ];
}

function operationOf(method: Members, path: string, everywhere: readonly Members[]): Members {
  const request = object(method['request']);
  const response = object(method['response']);
  const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']): Members => {
    return { in: 'path', name, required: true, type: 'string' };
  });
  const body: Members = { in: 'body', name: 'body', required: true, schema: schemaOf(request) };
  return {
    operationId: text(method['id']),
    consumes: ['application/json'],
    parameters: [
      ...inPath,
      ...queryParameters(object(method['parameters'])),
      ...everywhere,
      ...(request['$ref'] === undefined ? [] : [body]),
    ],
    responses: { '200': response['$ref'] === undefined ? {} : { schema: schemaOf(response) } },
  };
}

/** The parameters of the path are told by `flatPath` in more detail than by the parameters themselves. */
function queryParameters(parameters: Members): readonly Members[] {
  return Object.entries(parameters)
    .map(([name, parameter]) => [name, object(parameter)] as const)
    .filter(([, parameter]) => parameter['location'] === 'query')
    .map(([name, parameter]) => ({
      in: 'query',
      name,
      ...schemaOf(parameter),
      ...(parameter['required'] === true ? { required: true } : {}),
    }));
}

function schemaOf(schema: Members): Members {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    return { $ref: `#/definitions/${reference}` };
  }
  const properties = object(schema['properties']);
  const required = Object.keys(properties).filter((name) => object(properties[name])['required'] === true);
  return {
    ...Object.fromEntries(
      // "any" is no type of JSON Schema: it leaves the value open.
      SAME_KEYWORDS.filter((key) => schema[key] !== undefined && schema[key] !== 'any').map((key) => [
        key,
        schema[key] ?? null,
      ]),
    ),
    // Limits are written as texts, since a 64 bit integer is no JavaScript number.
    ...Object.fromEntries(LIMITS.filter((key) => schema[key] !== undefined).map((key) => [key, Number(schema[key])])),
    ...(schema['items'] === undefined ? {} : { items: schemaOf(object(schema['items'])) }),
    ...(schema['properties'] === undefined
      ? {}
      : { properties: mapped(properties, (property) => schemaOf(object(property))) }),
    ...(required.length === 0 ? {} : { required }),
    ...(schema['additionalProperties'] === undefined
      ? {}
      : { additionalProperties: schemaOf(object(schema['additionalProperties'])) }),
  };
}

function mapped(members: Members, change: (value: Value) => Value): Members {
  return Object.fromEntries(Object.entries(members).map(([key, value]) => [key, change(value)]));
}

function object(value: Value | undefined): Members {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

function text(value: Value | undefined): string {
  return typeof value === 'string' ? value : '';
}
