// Asks a person line by line. Answers that were typed or pasted ahead are kept for their questions.
import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import { CallerError } from '../../core/errors.ts';

export interface Conversation {
  /** The next line. Fails when there will be no more: end of input, or Ctrl-C. */
  ask(question: string): Promise<string>;
  close(): void;
}

/** `node:readline/promises` drops lines that arrive while no question is open, and never ends a question at the end of input. */
export function conversation(input: Readable, output: Writable, isTerminal: boolean): Conversation {
  const lines = createInterface({ input, output, terminal: isTerminal });
  const ahead: string[] = [];
  let waiting: PromiseWithResolvers<string> | undefined;
  let isOver = false;
  lines.on('line', (line) => {
    if (waiting === undefined) {
      ahead.push(line);
    } else {
      waiting.resolve(line);
      waiting = undefined;
    }
  });
  lines.on('close', () => {
    isOver = true;
    waiting?.reject(cancelled());
    waiting = undefined;
  });
  return {
    async ask(question) {
      // A closed interface refuses to prompt; what was typed before its end still counts.
      if (!isOver) {
        lines.setPrompt(question);
        lines.prompt();
      }
      const line = ahead.shift();
      if (line !== undefined) {
        return line;
      }
      if (isOver) {
        throw cancelled();
      }
      waiting = Promise.withResolvers<string>();
      return waiting.promise;
    },
    close() {
      lines.close();
    },
  };
}

function cancelled(): CallerError {
  return new CallerError('The questions were not answered to the end, and nothing was written.', {
    remedy: 'Begin again, or give the answers as flags: see `nightshift init --help`.',
  });
}
