// How an API server is found and who we are there: by a kubeconfig, or by the Google identity of this process for a GKE cluster.
// Loads only the way that is used.
import type { Access, AccessSource, AccessSurroundings } from './admission.ts';
import { plainAccess } from './plain-access.ts';

/** Reads anew where the server is and who we are, so that what was renewed in the meantime is seen. */
export async function openAccess(source: AccessSource, surroundings: AccessSurroundings): Promise<Access> {
  if (source.gke !== undefined) {
    const { loadGkeAccess } = await import('./gke.ts');
    return loadGkeAccess(source.gke, surroundings);
  }
  const plain = await plainAccess(source);
  if (plain !== undefined) {
    return plain;
  }
  const { loadAccess } = await import('./kubeconfig.ts');
  return loadAccess(source);
}
