// What is hashed and compared is spelt in one way.
import { expect, test } from 'vitest';
import { canonicalJson } from '../../shared/core/json.ts';

test('keys stand by code unit at every depth, without what is undefined', () => {
  const value = { b: [{ z: 1, a: null }, undefined], a: 'x"', B: undefined, é: true, C: {} };
  expect(canonicalJson(value)).toBe('{"C":{},"a":"x\\"","b":[{"a":null,"z":1},null],"é":true}');
  expect(canonicalJson({ first: 1, second: { b: 2, a: 3 } })).toBe(canonicalJson({ second: { a: 3, b: 2 }, first: 1 }));
});
