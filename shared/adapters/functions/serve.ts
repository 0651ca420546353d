// A duty as one HTTP function of Cloud Functions (2nd gen). The framework stays outside the bundle: bundled in, it registers into
// a copy of itself and the host finds no function.
import { http } from '@google-cloud/functions-framework';
import { BODY_LIMIT_BYTES, type Incoming } from '../../runtime/trigger.ts';
import type { Answer } from '../../runtime/http.ts';

/** Registers `name`; each request is handed to `handle`, whose answer goes out as JSON. */
export function serveHttpFunction(name: string, handle: (incoming: Incoming) => Promise<Answer>): void {
  http(name, async (request, response) => {
    if (request.method !== 'POST') {
      response
        .status(405)
        .set('allow', 'POST')
        .json({ error: { kind: 'caller', message: `${name} takes POST.` } });
      return;
    }
    const raw = request.rawBody ?? Buffer.alloc(0);
    if (raw.length > BODY_LIMIT_BYTES) {
      response
        .status(413)
        .json({ error: { kind: 'caller', message: `The body is larger than ${String(BODY_LIMIT_BYTES)} bytes.` } });
      return;
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([key, value]) => [key, Array.isArray(value) ? value.join(',') : value]),
    );
    const answer = await handle({ headers, body: raw.toString('utf8'), path: request.path });
    response.status(answer.status).set(answer.headers).json(answer.body);
  });
}
