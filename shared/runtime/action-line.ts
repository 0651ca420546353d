// What became of a change, as one line of a message says it: from the state of its record and what its judge found. Pure.
import type { ActionRecord } from '../core/action.ts';
import { type Line, text } from '../core/document.ts';

/** Words and links at the end of a platform's answer, such as `Pipeline #13 was started: https://…`. */
const ENDS_WITH_ADDRESS = /^(.*?):? (https?:\/\/\S+)$/s;
const LONGEST = 400;

/** Empty for a record that retention took away: it is long over. */
export function actionLine(action: ActionRecord | undefined): Line {
  if (action === undefined) {
    return [];
  }
  const { state, outcome = '' } = action;
  switch (state) {
    case 'waiting':
      return [text(' ⏳ Waits for approval.')];
    case 'intended':
      return [text(' ⏳ Begun, and not yet accounted for.')];
    case 'applied':
      return [text(' ⏳ '), ...linked(outcome)];
    case 'settled':
      return settled(action, outcome);
    case 'undone':
      return [text(` ↩️ ${shortened(outcome)}`)];
    case 'declined':
    case 'expired':
      return [text(` ❌ ${shortened(outcome)}`)];
    case 'stale':
    case 'failed':
    case 'unknown':
      return [text(` ⚠️ ${shortened(outcome)}`)];
  }
}

function settled({ judged }: ActionRecord, outcome: string): Line {
  const url = judged?.evidence['url'];
  const said = shortened(outcome.replace(/^Kept: /, ''));
  const mark = outcome.startsWith('Escalated') ? '⚠️' : judged?.succeeded === false ? '❌' : '✅';
  return [text(` ${mark} `), typeof url === 'string' ? { text: said, url } : text(said)];
}

function linked(outcome: string): Line {
  const [, words, url] = ENDS_WITH_ADDRESS.exec(outcome) ?? [];
  return words === undefined || url === undefined ? [text(shortened(outcome))] : [{ text: shortened(words), url }];
}

function shortened(said: string): string {
  return said.length <= LONGEST ? said : `${said.slice(0, LONGEST - 1)}…`;
}
