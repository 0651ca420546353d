// What a command prints, and where: results on stdout, everything else on stderr. Tests hand in their own.
export interface Terminal {
  exitCode: number;
  /** Width of the terminal, or a wide default when the output goes elsewhere. */
  readonly columns: number;
  /** A person is reading and can answer. */
  readonly isInteractive: boolean;
  print(text: string): void;
  warn(text: string): void;
  /** Shown in one line that the next one overwrites, on a terminal only. */
  progress(text: string): void;
  progressDone(): void;
}

const WIDE_COLUMNS = 220;

/** All that could move the cursor or colour the terminal: what is printed holds names and messages of strangers. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu;

function printable(text: string): string {
  return text.replaceAll(CONTROL, '');
}

export function processTerminal(): Terminal {
  const { stdout, stderr, stdin } = process;
  let shown = false;
  return {
    exitCode: 0,
    columns: stdout.isTTY ? stdout.columns : WIDE_COLUMNS,
    isInteractive: stdin.isTTY && stdout.isTTY,
    print(text) {
      stdout.write(`${printable(text)}\n`);
    },
    warn(text) {
      stderr.write(`${printable(text)}\n`);
    },
    progress(text) {
      if (stderr.isTTY) {
        stderr.write(`\r\u001B[K${printable(text).slice(0, stderr.columns - 1)}`);
        shown = true;
      }
    },
    progressDone() {
      if (shown) {
        stderr.write('\r\u001B[K');
        shown = false;
      }
    },
  };
}
