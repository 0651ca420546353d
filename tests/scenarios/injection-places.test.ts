// Each string that the facts of a duty may hold is named in the list of places, with how a stranger's text gets there or why it does not.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findDuties } from '../../shared/local/duties.ts';
import { PLACES } from './hostile/places.ts';
import { stringFields, textsAt } from './hostile/string-fields.ts';

const duties = await findDuties();

test('every duty has its places', () => {
  expect(Object.keys(PLACES).sort()).toEqual(duties.map(({ duty }) => duty.name).sort());
});

describe.each(duties.map(({ duty }) => [duty.name, duty] as const))('the facts of %s', (name, duty) => {
  test('hold no string that is not a place, and no place is left over', () => {
    expect(stringFields(duty.facts)).toEqual(Object.keys(PLACES[name] ?? {}).sort());
  });
});

test('a field that is new is found wherever it stands, and one that can hold nothing else is none', () => {
  const schema = z.strictObject({
    at: z.iso.datetime(),
    kind: z.enum(['a', 'b']),
    slug: z.string().regex(/^[a-z]+$/),
    list: z.array(z.union([z.strictObject({ note: z.string().nullable() }), z.strictObject({ other: z.json() })])),
    by: z.record(z.string(), z.strictObject({ said: z.string().optional() })).default({}),
    pair: z.tuple([z.number(), z.string()]),
  });

  expect(stringFields(schema)).toEqual(['by{key}', 'by{}.said', 'list[].note', 'list[].other', 'pair[1]']);
  const value = { list: [{ note: 'a' }, { other: { deep: ['b'] } }], by: { key: { said: 'c' } }, pair: [1, 'd'] };
  expect(stringFields(schema).map((path) => textsAt(value, path))).toEqual([['key'], ['c'], ['a'], ['b'], ['d']]);
});
