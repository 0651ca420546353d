// When:   builds of policy.storm.repositories or more repositories failed with one signature within policy.storm.window
// Then:   escalate, once for the signature
// Unless: the storm is over
// Why:    one upstream is down: one incident, not as many messages as builds
import type { Decision } from '../../../shared/core/decision.ts';
import { paragraph, text } from '../../../shared/core/document.ts';
import type { Storm } from '../decide-storms.ts';
import { reasonOf, type World } from '../decide-view.ts';

const NAMED_REPOSITORIES = 20;

export function escalateStorm({ facts, policy }: World, storm: Storm): Decision | undefined {
  if (storm.isOver) {
    return undefined;
  }
  const { signature, repositories, builds, since, lastAt } = storm;
  const sentence = `${String(builds)} builds of ${String(repositories.length)} repositories failed with ${signature} since ${since}.`;
  const named = repositories.slice(0, NAMED_REPOSITORIES).join(', ');
  const more = repositories.length - NAMED_REPOSITORIES;
  const about = { workspace: facts.workspace, rule: 'pipeline-retry/escalate-storm', signature };
  return {
    subject: { workspace: facts.workspace, signature },
    verdict: 'escalate',
    reason: reasonOf('escalate-storm', 'storm', sentence, {
      signature,
      builds,
      repositories: repositories.length,
      since,
      lastAt,
    }),
    escalation: {
      about,
      title: `Builds of many repositories fail with ${signature}`,
      body: [
        paragraph(text(sentence)),
        paragraph(text(`Repositories: ${named}${more > 0 ? ` and ${String(more)} more` : ''}.`)),
        paragraph(
          text(
            `Look at the upstream that they share. Their builds wait, and are rerun ${String(policy.storm.spreadPerMinute)} a minute once none failed so for ${policy.storm.quiet}.`,
          ),
        ),
      ],
    },
  };
}
