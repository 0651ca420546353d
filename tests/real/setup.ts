// Runs once before the real tier: sees to the binaries, and tells the suites which parts cannot run here and why. What follows from
// that is decided in suite.ts.
import type { TestProject } from 'vitest/node';
import {
  binary,
  type BinaryName,
  GRAFANA_BINARIES,
  KUBERNETES_BINARIES,
  METRICS_BINARIES,
  MODEL_BINARIES,
  UnbuildableError,
} from './binaries.ts';
import { whyNoBrowser } from './browser.ts';
import { whyNoFirestoreEmulator } from './firestore.ts';
import { whyNoKubectl, whyNoRegistry } from './installed.ts';
import { whyNoPubSubEmulator } from './pubsub.ts';
import { whyNoTerraform } from './terraform.ts';

export type Part =
  | 'kubernetes'
  | 'metrics'
  | 'grafana'
  | 'firestore'
  | 'pubsub'
  | 'model'
  | 'terraform'
  | 'kubectl'
  | 'registry'
  | 'browser';

/** Part to why it cannot run. */
export type Missing = Readonly<Partial<Record<Part, string>>>;

declare module 'vitest' {
  interface ProvidedContext {
    missing: Missing;
  }
}

interface Need {
  readonly binaries: readonly BinaryName[];
  /** What cannot be built, but may be there; gives why it is not. */
  readonly installed?: () => Promise<string | undefined>;
  /** Set when a server of the user's takes the place of ours. */
  readonly replacedBy?: string;
}

const NEEDS: Readonly<Record<Part, Need>> = {
  metrics: { binaries: METRICS_BINARIES, replacedBy: 'NIGHTSHIFT_REAL_METRICS_URL' },
  kubernetes: { binaries: KUBERNETES_BINARIES, replacedBy: 'NIGHTSHIFT_REAL_KUBECONFIG' },
  // What the tests need is a model of their own, with random weights: no server of the user's takes its place.
  model: { binaries: MODEL_BINARIES },
  grafana: { binaries: GRAFANA_BINARIES },
  firestore: { binaries: [], installed: whyNoFirestoreEmulator, replacedBy: 'FIRESTORE_EMULATOR_HOST' },
  pubsub: { binaries: [], installed: whyNoPubSubEmulator, replacedBy: 'PUBSUB_EMULATOR_HOST' },
  terraform: { binaries: [], installed: whyNoTerraform },
  kubectl: { binaries: [], installed: whyNoKubectl },
  registry: { binaries: [], installed: whyNoRegistry },
  browser: { binaries: [], installed: whyNoBrowser, replacedBy: 'NIGHTSHIFT_REAL_CHROMIUM' },
};

export default async function setup(project: TestProject): Promise<void> {
  const missing: Partial<Record<Part, string>> = {};
  for (const [part, need] of Object.entries(NEEDS) as [Part, Need][]) {
    const why = await whyMissing(need);
    if (why !== undefined) {
      missing[part] = why;
      process.stderr.write(`real tier: ${part} cannot run here. ${why}\n`);
    }
  }
  project.provide('missing', missing);
}

async function whyMissing({ binaries, installed, replacedBy }: Need): Promise<string | undefined> {
  if (replacedBy !== undefined && (process.env[replacedBy] ?? '') !== '') {
    return undefined;
  }
  try {
    for (const name of binaries) {
      await binary(name);
    }
    return await installed?.();
  } catch (error) {
    if (error instanceof UnbuildableError) {
      return error.message;
    }
    throw error;
  }
}
