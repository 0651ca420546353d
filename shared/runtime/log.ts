// Structured logs in Cloud Logging's fields (severity, message, time), on stderr, with every secret masked and no colours.
// https://cloud.google.com/logging/docs/structured-logging#special-payload-fields
import { pino, type DestinationStream, type Logger } from 'pino';

const SEVERITY: Readonly<Record<string, string>> = {
  trace: 'DEBUG',
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
  fatal: 'CRITICAL',
};

export interface LogOptions {
  readonly level: string;
  /** Replaces what must not leave the process. */
  readonly mask: (line: string) => string;
  readonly write: (line: string) => void;
}

export function createLogger(options: LogOptions): Logger {
  const destination: DestinationStream = {
    write(line) {
      options.write(options.mask(line));
    },
  };
  return pino(
    {
      level: options.level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ severity: SEVERITY[label] ?? 'DEFAULT' }) },
    },
    destination,
  );
}

/** The trace of a request in the form that Cloud Logging joins log lines by; `project` may be unknown. */
export function traceField(header: string | undefined, project: string | undefined): Readonly<Record<string, string>> {
  const trace = header?.split('/')[0];
  return trace === undefined || trace === '' || project === undefined
    ? {}
    : { 'logging.googleapis.com/trace': `projects/${project}/traces/${trace}` };
}
