// Buttons of core as one actions block, within Slack's limits. Labels are ours; they are cut all the same.
// https://docs.slack.dev/reference/block-kit/block-elements/button-element
import type { Button } from '../../core/document.ts';
import { actionIdOf, buttonText } from './interaction.ts';

interface PlainText {
  readonly type: 'plain_text';
  readonly text: string;
}

interface ButtonElement {
  readonly type: 'button';
  readonly action_id: string;
  readonly value: string;
  readonly text: PlainText;
  readonly style?: 'primary' | 'danger';
  readonly confirm?: {
    readonly title: PlainText;
    readonly text: PlainText;
    readonly confirm: PlainText;
    readonly deny: PlainText;
    readonly style?: 'danger';
  };
}

export interface ActionsBlock {
  readonly type: 'actions';
  readonly block_id: string;
  readonly elements: readonly ButtonElement[];
}

const MOST_BLOCK_ID_CHARACTERS = 255;
const MOST_LABEL_CHARACTERS = 75;
const MOST_CONFIRM_CHARACTERS = 300;
const MOST_ELEMENTS = 25;

/** `place` makes the block's id another one than that of every other row of the message. */
export function actionsBlock(buttons: readonly Button[], place: number): ActionsBlock {
  const elements = buttons.slice(0, MOST_ELEMENTS).map((button): ButtonElement => {
    const label = button.label.slice(0, MOST_LABEL_CHARACTERS);
    return {
      type: 'button',
      action_id: actionIdOf(button.value),
      value: buttonText(button.value),
      text: plain(label),
      ...(button.style === undefined ? {} : { style: button.style }),
      ...(button.confirm === undefined
        ? {}
        : {
            confirm: {
              title: plain(`${label}?`),
              text: plain(button.confirm.slice(0, MOST_CONFIRM_CHARACTERS)),
              confirm: plain('Yes'),
              deny: plain('No'),
              ...(button.style === 'danger' ? { style: 'danger' as const } : {}),
            },
          }),
    };
  });
  const id = buttons[0]?.value.id ?? '';
  return {
    type: 'actions',
    block_id: `nightshift.${String(place)}.${id}`.slice(0, MOST_BLOCK_ID_CHARACTERS),
    elements,
  };
}

/** What counts towards the characters of a message. */
export function charactersOf({ elements }: ActionsBlock): number {
  return elements.reduce(
    (sum, { text, confirm }) =>
      sum +
      text.text.length +
      (confirm === undefined
        ? 0
        : [confirm.title, confirm.text, confirm.confirm, confirm.deny].reduce(
            (part, one) => part + one.text.length,
            0,
          )),
    0,
  );
}

function plain(text: string): PlainText {
  return { type: 'plain_text', text };
}
