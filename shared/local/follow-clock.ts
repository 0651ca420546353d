// Keeps a scenario that is left running usable: its clock follows the machine's, and every series goes on as it ended.
import type { RunningScenario } from './scenario.ts';

/** The usual scrape interval is a minute; twice as often stays fresh. */
export const FOLLOW_MILLISECONDS = 30_000;

type Followed = Pick<RunningScenario, 'platform' | 'scenario'>;

/** Until it is disposed of. */
export function followClock(running: Followed): Disposable {
  const follow = follower(running);
  const timer = setInterval(() => {
    follow(new Date());
  }, FOLLOW_MILLISECONDS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}

/** Moves the scenario to a time that is later than the last one. */
export function follower({ platform, scenario }: Followed): (now: Date) => void {
  const ends = scenario.series.map(({ labels, points }) => ({ labels, last: points.at(-1), before: points.at(-2) }));
  return (now) => {
    platform.clock.set(now.toISOString());
    const at = now.getTime() / 1000;
    platform.doubles.victoriametrics.append(
      ends.flatMap(({ labels, last, before }) => {
        if (last === undefined || before === undefined) {
          return [];
        }
        const slope = (last[1] - before[1]) / (last[0] - before[0]);
        const isCounter = labels['__name__']?.endsWith('_total') === true;
        return [{ labels, points: [[at, isCounter ? last[1] + slope * (at - last[0]) : last[1]] as const] }];
      }),
    );
  };
}
