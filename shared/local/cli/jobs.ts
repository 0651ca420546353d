// Pauses and resumes the schedules of what is deployed, for `nightshift pause --jobs` and `resume --jobs`.
import { describeError } from '../../core/errors.ts';
import type { Deployment } from '../../ports/deployment.ts';
import type { Terminal } from './terminal.ts';

/** All jobs of ours; prints what was changed and what could not be. Safe to repeat. Gives whether all of them are as wanted. */
export async function setJobsPaused(
  terminal: Pick<Terminal, 'print' | 'warn'>,
  deployment: Deployment,
  paused: boolean,
): Promise<boolean> {
  const regions = [...new Set((await deployment.functions()).map(({ region }) => region))];
  const jobs = (await deployment.jobs(regions)).filter(({ state }) => state === (paused ? 'enabled' : 'paused'));
  let failed = 0;
  for (const job of jobs) {
    try {
      await deployment.setPaused(job, paused);
      terminal.print(`${job.name}: ${paused ? 'paused' : 'resumed'}`);
    } catch (error) {
      failed += 1;
      terminal.warn(`${job.name}: not ${paused ? 'paused' : 'resumed'}. ${describeError(error)}`);
    }
  }
  if (failed > 0) {
    terminal.warn(
      `${String(failed)} of ${String(jobs.length)} jobs could not be ${paused ? 'paused' : 'resumed'}; the same command again tries those that are left.`,
    );
  } else if (jobs.length === 0) {
    terminal.print(`No job was to be ${paused ? 'paused' : 'resumed'}.`);
  }
  return failed === 0;
}
