// Whether a request comes from a web page in a browser: for what is answered to programs alone.
import type { IncomingMessage } from 'node:http';

export const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

/**
 * A web page in a browser on this machine: it may send to 127.0.0.1, or to a name of its own that leads there. Programs send
 * neither Origin nor Sec-Fetch-Site, and name this machine.
 */
export function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const host = /^(\[[^\]]*\]|[^:]*)(:[0-9]*)?$/.exec(headers.host ?? 'localhost')?.[1] ?? '';
  const isOurs = LOOPBACK.has(host.toLowerCase().replace(/^\[|\]$/g, '')) || /^127(\.[0-9]{1,3}){3}$/.test(host);
  return !isOurs || isFromPage({ headers });
}

/** Sent by a page of another site, whatever it calls us. */
export function isFromPage({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const site = headers['sec-fetch-site'];
  const isSame = headers.origin === undefined || headers.origin === `http://${headers.host ?? ''}`;
  return !isSame || !(site === undefined || site === 'same-origin' || site === 'none');
}
