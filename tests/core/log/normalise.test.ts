// Messages that differ only in what changes from run to run are one message; others stay apart.
import { describe, expect, it } from 'vitest';
import { clusterId, normaliseMessage } from '../../../shared/core/log/normalise.ts';

describe('normaliseMessage', () => {
  it.each([
    ['pod shop-7d9f8c6b5d-x2x9z lost after 12.5s', 'pod shop-6c8d9f7b4c-abc12 lost after 3s'],
    ['dial tcp 10.1.2.3:443: i/o timeout', 'dial tcp 10.9.8.7:8443: i/o timeout'],
    ['at /builds/acme/shop/src/cart.ts:12:5', 'at /home/runner/work/shop/src/cart.ts:99:1'],
    ['id 0f2d4c26-1111-4222-8333-444455556666', 'id aaaaaaaa-bbbb-4ccc-8ddd-eeeeffff0000'],
    ['2024-03-04T10:00:00.123Z commit 0f2d4c26a1b2', '2025-01-02T03:04:05Z commit 9e8d7c6b5a43'],
    ['GET https://a.acme.dev/x?y=1 failed', 'GET https://b.acme.dev/z failed'],
  ])('%s is like %s', (one, other) => {
    expect(normaliseMessage(one)).toBe(normaliseMessage(other));
    expect(clusterId({ message: one })).toBe(clusterId({ message: other }));
  });

  it('keeps words apart', () => {
    expect(normaliseMessage('cannot find symbol total')).not.toBe(normaliseMessage('cannot find symbol price'));
  });
});
