// A terminal for tests: keeps what is printed, on stdout and on stderr.
import type { Terminal } from '../../shared/local/cli/terminal.ts';

export interface TestTerminal extends Terminal {
  readonly printed: string[];
  readonly warned: string[];
}

export function testTerminal(): TestTerminal {
  const printed: string[] = [];
  const warned: string[] = [];
  return {
    exitCode: 0,
    columns: 200,
    isInteractive: false,
    printed,
    warned,
    print: (text) => {
      printed.push(text);
    },
    warn: (text) => {
      warned.push(text);
    },
    progress: () => undefined,
    progressDone: () => undefined,
  };
}
