import { describe, expect, test } from 'vitest';
import { duty } from '../../../functions/rebalance/index.ts';
import { TeamPolicy } from '../../../shared/core/policy.ts';
import { RebalancePolicy } from '../../../functions/rebalance/schema.ts';

describe("the duty's part of the policy", () => {
  test('every threshold has a default and says why', () => {
    expect(Object.keys(RebalancePolicy.parse({}))).toEqual(Object.keys(RebalancePolicy.shape));
    for (const [name, field] of Object.entries(RebalancePolicy.shape)) {
      expect(field.description, name).toMatch(/\S{3}/);
    }
  });

  test.each([
    [{ cooldowm: '6h' }],
    [{ cpuFloor: 'ten' }],
    [{ memoryFloor: '0' }],
    [{ memoryStep: 0.6 }],
    [{ idleRatio: 20 }],
    [{ window: '1 day' }],
    [{ scopes: [{ cluster: 'test', namespaces: [] }] }],
  ])('%j is refused', (part) => {
    expect(RebalancePolicy.safeParse(part).success).toBe(false);
  });

  test('its scopes are one for each namespace', () => {
    const scopes = [
      { cluster: 'a', namespaces: ['x', 'y'] },
      { cluster: 'b', namespaces: ['x'] },
    ];
    expect(duty.scopes(RebalancePolicy.parse({ scopes }), TeamPolicy.parse({ version: 1 }))).toEqual([
      { cluster: 'a', namespace: 'x' },
      { cluster: 'a', namespace: 'y' },
      { cluster: 'b', namespace: 'x' },
    ]);
  });

  test('a scope with a field too many or too few is refused', () => {
    expect(duty.scope.safeParse({ cluster: 'a' }).success).toBe(false);
    expect(duty.scope.safeParse({ cluster: 'a', namespace: 'b', pod: 'c' }).success).toBe(false);
  });
});
