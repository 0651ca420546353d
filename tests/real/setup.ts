// Runs once before the real tier: sees to the binaries, and tells the suites which parts cannot run here and why. With CI=true a
// part that cannot run is a failure; on a person's machine it is skipped and said so.
import type { TestProject } from 'vitest/node';
import { binary, type BinaryName, KUBERNETES_BINARIES, METRICS_BINARIES, UnbuildableError } from './binaries.ts';

export type Part = 'kubernetes' | 'metrics';

/** Part to why it cannot run. */
export type Missing = Readonly<Partial<Record<Part, string>>>;

declare module 'vitest' {
  interface ProvidedContext {
    missing: Missing;
  }
}

interface Need {
  readonly binaries: readonly BinaryName[];
  /** Set when a server of the user's takes the place of ours. */
  readonly replacedBy: string;
}

const NEEDS: Readonly<Record<Part, Need>> = {
  metrics: { binaries: METRICS_BINARIES, replacedBy: 'NIGHTSHIFT_REAL_METRICS_URL' },
  kubernetes: { binaries: KUBERNETES_BINARIES, replacedBy: 'NIGHTSHIFT_REAL_KUBECONFIG' },
};

export default async function setup(project: TestProject): Promise<void> {
  const missing: Partial<Record<Part, string>> = {};
  for (const [part, need] of Object.entries(NEEDS) as [Part, Need][]) {
    const why = await whyMissing(need);
    if (why !== undefined) {
      missing[part] = why;
      process.stderr.write(`real tier: ${part} is skipped. ${why}\n`);
    }
  }
  if (Object.keys(missing).length > 0 && process.env['CI'] === 'true') {
    throw new Error(`With CI=true every part must run. ${Object.values(missing).join(' ')}`);
  }
  project.provide('missing', missing);
}

async function whyMissing({ binaries, replacedBy }: Need): Promise<string | undefined> {
  if ((process.env[replacedBy] ?? '') !== '') {
    return undefined;
  }
  try {
    for (const name of binaries) {
      await binary(name);
    }
    return undefined;
  } catch (error) {
    if (error instanceof UnbuildableError) {
      return error.message;
    }
    throw error;
  }
}
