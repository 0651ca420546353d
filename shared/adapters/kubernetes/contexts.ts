// The contexts that a kubeconfig offers, to choose from. It connects to nothing and changes nothing.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';

export interface OfferedContexts {
  readonly names: readonly string[];
  readonly current: string | undefined;
}

/** What the client falls back to when it has found no kubeconfig. */
const FALLBACK = 'loaded-context';

/** Where Kubernetes' own client looks: KUBECONFIG (also a list of files), ~/.kube/config. Nothing to offer when none is readable. */
export function offeredContexts(): OfferedContexts {
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch {
    // Only an offer: the person who needs the file learns from the first real call what is wrong with it.
    return { names: [], current: undefined };
  }
  const names = config.contexts.map(({ name }) => name).filter((name) => name !== FALLBACK);
  return { names, current: names.find((name) => name === config.currentContext) };
}
