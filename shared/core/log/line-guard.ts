// Lines that only talk of an error: echoes of commands, tests that passed, assertions about errors, warnings, and what a job
// reaches on its own machine. A signature does not count on them.

interface GuardedSignature {
  readonly category: string;
  readonly isTransient: boolean;
  readonly signature: { readonly onWarnings: boolean; readonly strength: 'conclusive' | 'fatal' | 'hint' };
}

/** A shell that shows its commands, or GitLab and GitHub that show them. */
const COMMAND_ECHO = /^(?:\++ |\$ |> \S{1,80}@\d|PS>|##\[(?:command|group|debug)\]|\[command\]|echo )/;
const PASSED =
  /^\s*(?:[✓✔√]|PASS\b|ok \d|--- PASS|\[ +OK +\]|\[PASSED?\])|\.\.\. ?ok$|\bPASSED\b(?! *[:=])|^\s*\S+ › .* ✓/;
const ASSERTION =
  /^\s*(?:E\s+)?(?:assert\b|[Ee]xpected\b|[Aa]ctual\b|Received\b|[+-]\s+["'])|\b(?:toEqual|toBe|toThrow|toContain|assertEquals?|assertThat|AssertionError|should (?:return|throw|fail|retry|handle|be|have|not)|expected .{0,80}\bto\b|expected:? <|but (?:was|got)\b)/;
const WARNING =
  /^\s*(?:[[(]?(?:WARN(?:ING)?|W)[\])]?[:\s]|npm WARN|npm warn|⚠|##\[warning\]|::warning|\S+ WARN(?:ING)? )/i;
const OWN_MACHINE = /\b(?:localhost|127\.0\.0\.\d{1,3}|0\.0\.0\.0|host\.docker\.internal)\b|\[?::1\]?:\d/;
/** A service container beside the job, which the job itself started too late or not at all. */
const BESIDE =
  /\b(?:172\.(?:1[6-9]|2\d|3[01])|10\.\d{1,3}|192\.168)\.\d{1,3}\.\d{1,3}\b.{0,40}refused|ECONNREFUSED (?:172|10|192\.168)\./i;
/** A name without a dot is in the job's own network; only the Docker beside it is the agent's business. */
const NAME_BESIDE =
  /(?:host name|hostname|resolve host:|lookup|getaddrinfo E\w{4,12}) ["'`]?(?!docker\b)[a-z][a-z0-9_-]{0,40}["'`]?(?::\d{1,5})?(?:[\s"',:)]|$)|connect(?:ing)? to (?!docker\b)[a-z][a-z0-9_-]{0,40}:\d{2,5}\b/;
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
  if (!known.isTransient) {
    return true;
  }
  const isBeside = NAME_BESIDE.test(line) || (known.signature.strength === 'hint' && BESIDE.test(line));
  return !(ASSERTION.test(line) || isBeside || (OWN_MACHINE.test(line) && !RESOLVER.test(line)));
}
