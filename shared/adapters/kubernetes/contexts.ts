// The contexts that a kubeconfig offers, to choose from. It connects to nothing and changes nothing.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';

export interface OfferedContexts {
  readonly names: readonly string[];
  readonly current: string | undefined;
}

/** What the client falls back to when it has found no kubeconfig. */
const FALLBACK = 'loaded-context';

/** `kubeconfig` is a path; KUBECONFIG or ~/.kube/config when absent. Nothing to offer when there is no readable file. */
export function offeredContexts(kubeconfig?: string): OfferedContexts {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) {
      config.loadFromDefault();
    } else {
      config.loadFromFile(kubeconfig);
    }
  } catch {
    // Only an offer: the person who needs the file learns from the first real call what is wrong with it.
    return { names: [], current: undefined };
  }
  const names = config.contexts.map(({ name }) => name).filter((name) => name !== FALLBACK);
  return { names, current: names.find((name) => name === config.currentContext) };
}
