// Pauses and resumes the schedules of what is deployed, for `nightshift pause --jobs` and `resume --jobs`.
import type { Deployment } from '../../ports/deployment.ts';
import type { Terminal } from './terminal.ts';

/** All jobs of ours, or those of the named duties; prints what was changed. Safe to repeat. */
export async function setJobsPaused(
  terminal: Pick<Terminal, 'print'>,
  deployment: Deployment,
  paused: boolean,
  duties?: readonly string[],
): Promise<void> {
  const regions = [...new Set((await deployment.functions()).map(({ region }) => region))];
  const jobs = (await deployment.jobs(regions)).filter(
    ({ name }) => duties === undefined || duties.some((duty) => name === `nightshift-${duty}`),
  );
  for (const job of jobs.filter(({ state }) => state === (paused ? 'enabled' : 'paused'))) {
    await deployment.setPaused(job, paused);
    terminal.print(`${job.name}: ${paused ? 'paused' : 'resumed'}`);
  }
}
