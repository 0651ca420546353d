// What else must be read before `decide` can judge: facts that only some verdicts depend on. Reads nothing itself.
import type { Policy } from '../../shared/core/policy.ts';
import { findingOf, holdOfTrim, isSized } from './decide-judge.ts';
import { compareText, worldOf } from './decide-view.ts';
import { escalateGrowthCap } from './rules/escalate-growth-cap.ts';
import type { RebalancePolicy } from './schema.ts';
import type { RebalanceFacts } from './schema-facts.ts';

export interface Needs {
  /** Something is to be trimmed: its use over the floor window decides how far. */
  readonly floors: boolean;
  /** Something is to be raised: the nodes' sizes decide whether it fits. */
  readonly nodes: boolean;
  /** Nodes whose pods count as well, sorted: those of the pods to be resized in place. */
  readonly podsOnNodes: readonly string[];
}

export function needsOf(facts: RebalanceFacts, policy: Policy<RebalancePolicy>): Needs {
  const world = worldOf(facts, policy);
  const nodes = new Set<string>();
  let [floors, raises] = [false, false];
  for (const view of world.views) {
    const finding = findingOf(view);
    if (finding === undefined) {
      continue; // Most live well, and the words for it are not needed here.
    }
    if (finding.verdict === 'raise' && isSized(finding) && escalateGrowthCap(view, finding) === undefined) {
      raises = true;
      if (world.apply === 'in-place' && view.pod.node !== null) {
        nodes.add(view.pod.node);
      }
    }
    floors ||= finding.verdict === 'trim' && holdOfTrim(view, finding) === undefined;
  }
  return { floors, nodes: raises, podsOnNodes: [...nodes].sort(compareText) };
}
