// The direction of each size of a change, by value and not by spelling.
import { expect, test } from 'vitest';
import { changesOf } from '../../shared/actions/sizes.ts';

test('what shrinks is told for each size', () => {
  const changes = changesOf({
    from: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } },
    to: { requests: { cpu: '999m', memory: '1024Mi' }, limits: { memory: '3Gi' } },
  });
  expect(changes.map(({ list, resource, shrinks }) => `${list} ${resource} ${String(shrinks)}`).sort()).toEqual([
    'limits memory false',
    'requests cpu true',
    'requests memory false',
  ]);
});

test('a limit where there was none takes something away; a request does not', () => {
  const changes = changesOf({
    from: { requests: {}, limits: {} },
    to: { requests: { memory: '1Gi' }, limits: { memory: '1Gi' } },
  });
  expect(changes.map(({ list, shrinks }) => [list, shrinks])).toEqual([
    ['limits', true],
    ['requests', false],
  ]);
});
