// Lines that only talk of an error: echoes of commands, tests that passed, assertions about errors, warnings, and what a job
// reaches on its own machine. A signature does not count on them.

interface GuardedSignature {
  readonly category: string;
  readonly isTransient: boolean;
  readonly signature: { readonly onWarnings: boolean };
}

/** A shell that shows its commands, or GitLab and GitHub that show them. */
const COMMAND_ECHO = /^(?:\++ |\$ |> \S{1,80}@\d|PS>|##\[(?:command|group|debug)\]|\[command\]|echo )/;
const PASSED =
  /^\s*(?:[✓✔√]|PASS\b|ok \d|--- PASS|\[ +OK +\]|\[PASSED?\])|\.\.\. ?ok$|\bPASSED\b(?! *[:=])|^\s*\S+ › .* ✓/;
const ASSERTION =
  /^\s*(?:E\s+)?(?:assert\b|[Ee]xpected\b|[Aa]ctual\b|Received\b|[+-]\s+["'])|\b(?:toEqual|toBe|toThrow|toContain|assertEquals?|assertThat|AssertionError|should (?:return|throw|fail|retry|handle|be|have|not)|expected .{0,80}\bto\b|expected:? <|but (?:was|got)\b)/;
const WARNING = /^\s*(?:[[(]?(?:WARN(?:ING)?|W)[\])]?[:\s]|npm WARN|npm warn|⚠|##\[warning\]|::warning|\S+ WARN(?:ING)? )/i;
const OWN_MACHINE = /\b(?:localhost|127\.0\.0\.\d{1,3}|0\.0\.0\.0|host\.docker\.internal)\b|\[?::1\]?:\d/;
/** The resolver has a local address on most machines; what it was asked for is elsewhere. */
const RESOLVER = /\blookup \S+ on \S+:53\b/;

/** Whether a match of `known` on the line counts. */
export function lineGuard(line: string, known: GuardedSignature): boolean {
  if (COMMAND_ECHO.test(line) || PASSED.test(line)) {
    return false;
  }
  if (WARNING.test(line) && !known.signature.onWarnings) {
    return false;
  }
  return !known.isTransient || !(ASSERTION.test(line) || (OWN_MACHINE.test(line) && !RESOLVER.test(line)));
}
