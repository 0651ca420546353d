// When:   the policy protects the name or namespace, or the pod or its workload carries the protecting label or annotation
// Then:   a raise becomes one escalation, a trim a skip
// Unless: the label says "false"
// Why:    somebody said that this is not to be touched; the guardrail would refuse it anyway, and without telling anybody
import { matchesPattern } from '../../../shared/core/pattern.ts';
import { evidenceOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Hold, Wish } from '../decide-finding.ts';

export function holdProtected(view: ContainerView, wish: Wish): Hold | undefined {
  const by = protectedBy(view);
  return by === undefined
    ? undefined
    : {
        reason: reasonOf(
          'hold-protected',
          'protected',
          `${wish.reason.sentence} Not done: protected by ${by}.`,
          evidenceOf(view),
        ),
        advice: ['Make the change by hand, or lift the protection.'],
      };
}

function protectedBy(view: ContainerView): string | undefined {
  const { names, namespaces, label } = view.world.team.protect;
  const { namespace } = view.world.facts;
  const [, workloadName = ''] = view.workloadKey.split('/');
  if (namespaces.some((pattern) => matchesPattern(pattern, namespace))) {
    return `the policy (namespace ${namespace})`;
  }
  const name = [view.pod.name, workloadName].find((own) => names.some((pattern) => matchesPattern(pattern, own)));
  if (name !== undefined) {
    return `the policy (name ${name})`;
  }
  const values = [view.pod.labels[label], view.workload?.labels[label]];
  return values.some((value) => value !== undefined && value !== 'false')
    ? `its label or annotation ${label}`
    : undefined;
}
