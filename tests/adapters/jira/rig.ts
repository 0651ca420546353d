// A Jira double behind HTTP with the adapter before it, for the tests of this folder.
import { expect } from 'vitest';
import { scenarioClock, type ScenarioClock } from '../../../fixtures/platform/clock.ts';
import { jiraDouble, type JiraDouble, type JiraOptions } from '../../../fixtures/platform/jira/jira.ts';
import { serve, type Double, type Fault, type RecordedCall } from '../../../fixtures/platform/kit.ts';
import { validate } from '../../../fixtures/platform/spec-check.ts';
import { jiraTracker } from '../../../shared/adapters/jira/tracker.ts';
import { paragraph, text } from '../../../shared/core/document.ts';
import type { IssueDraft, Tracker } from '../../../shared/ports/tracker.ts';
import { afterTest, waitingClock } from '../../support/adapter-rig.ts';

export const EMAIL = 'bot@example.com';
export const TOKEN = 'jira-test-token';
export const START = '2026-01-15T12:00:00.000Z';
export const PROJECT = 'OPS';

export interface Rig {
  readonly tracker: Tracker;
  readonly double: JiraDouble;
  readonly clock: ScenarioClock;
  readonly calls: RecordedCall[];
  readonly faults: Fault[];
  /** Milliseconds of each wait of the adapter. */
  readonly waits: number[];
  readonly url: string;
}

export interface RigOptions extends Partial<JiraOptions> {
  /** The adapter's, when it is another than the double's. */
  readonly adapterToken?: string;
  readonly deadlineSeconds?: number;
  /** Stands before the double. */
  readonly around?: (double: Double) => Double;
}

export async function jiraRig({ adapterToken, deadlineSeconds, around, ...options }: RigOptions = {}): Promise<Rig> {
  const clock = scenarioClock(START);
  const faults: Fault[] = [];
  const calls: RecordedCall[] = [];
  const double = jiraDouble({ clock, email: EMAIL, token: TOKEN, project: PROJECT, ...options });
  const running = await serve(around?.(double) ?? double, {
    clock,
    faults,
    calls,
    validate: (request, reply) => validate('jira', request, reply),
  });
  afterTest(async () => {
    await running.close();
    expect(calls.flatMap(({ violations }) => violations)).toEqual([]);
  });
  const waits: number[] = [];
  const tracker = jiraTracker({
    url: `${running.url}/`,
    email: EMAIL,
    token: adapterToken ?? TOKEN,
    clock: waitingClock(clock, waits),
    random: () => 0.5,
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
  });
  return { tracker, double, clock, calls, faults, waits, url: running.url };
}

export function draft(overrides: Partial<IssueDraft> = {}): IssueDraft {
  return {
    project: PROJECT,
    issueType: 'Task',
    fingerprint: 'a1b2c3d4e5f6a7b8c9d0',
    title: 'cart-service grows without end',
    body: [paragraph(text('The third raise in 7 days.'))],
    labels: [],
    ...overrides,
  };
}

/** What a lookup in the index of the search needs: the double's lag, and a bit. */
export function passSearchLag(rig: Rig): void {
  rig.clock.advance(6000);
}
