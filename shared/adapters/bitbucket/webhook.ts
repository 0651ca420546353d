// A webhook of Bitbucket: is it really from there, and which build changed. Pure but for the hash; answers nobody.
// https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/#Secure-webhooks and …/docs/event-payloads/#Build-status-created
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { CiEvent } from '../../ports/ci.ts';

export interface IncomingWebhook {
  /** Names in any case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Raw, as it was signed. */
  readonly body: Uint8Array;
}

/** `unsigned`, `forged` and `malformed` are to be refused; `not-ours` is fine and calls for nothing. */
export type WebhookReason = 'unsigned' | 'forged' | 'malformed' | 'not-ours';

export interface AcceptedWebhook {
  readonly accepted: true;
  /** The same for every try of one delivery. */
  readonly deliveryId: string;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly event: CiEvent;
}

export interface RefusedWebhook {
  readonly accepted: false;
  readonly reason: WebhookReason;
  /** One sentence, without what was sent. */
  readonly why: string;
  /** Where it is known, for the log. */
  readonly deliveryId: string | undefined;
}

const EVENTS: readonly string[] = ['repo:commit_status_created', 'repo:commit_status_updated'];
/** A status that we wrote carries this at the beginning of its key. */
const OUR_KEY = 'nightshift';
const SIGNATURE = /^sha256=([0-9a-f]{64})$/i;
const DELIVERY = /^[A-Za-z0-9{}-]{8,100}$/;

const Payload = z.lazy(() =>
  z.looseObject({
    repository: z.looseObject({ full_name: z.string().regex(/^[^/\s]+\/[A-Za-z0-9._-]{1,128}$/) }),
    commit_status: z.looseObject({
      key: z.string().min(1).max(200),
      state: z.string(),
      url: z.string().nullish(),
      commit: z.looseObject({ hash: z.string() }).nullish(),
      links: z.looseObject({ commit: z.looseObject({ href: z.string() }).nullish() }).nullish(),
    }),
  }),
);
type Payload = z.infer<typeof Payload>;

const STATES = { INPROGRESS: 'running', SUCCESSFUL: 'successful', FAILED: 'failed', STOPPED: 'stopped' } as const;

/** The signature is checked before anything of the body is read. `secret` is that of the webhook. */
export function verifyWebhook(incoming: IncomingWebhook, secret: string): AcceptedWebhook | RefusedWebhook {
  const id = header(incoming, 'x-request-uuid');
  const deliveryId = id !== undefined && DELIVERY.test(id) ? id : undefined;
  const refused = (reason: WebhookReason, why: string): RefusedWebhook => ({
    accepted: false,
    reason,
    why,
    deliveryId,
  });
  const signature = header(incoming, 'x-hub-signature');
  if (signature === undefined) {
    return refused('unsigned', 'It carries no signature: give the webhook a secret in Bitbucket.');
  }
  if (!isGenuine(signature, incoming.body, secret)) {
    return refused(
      'forged',
      'Its signature does not fit: the secret differs from that of the webhook, or somebody else sent it.',
    );
  }
  const event = header(incoming, 'x-event-key') ?? '';
  if (!EVENTS.includes(event)) {
    return refused(
      'not-ours',
      'It tells of something else than a build: subscribe the webhook to build statuses alone.',
    );
  }
  if (deliveryId === undefined) {
    return refused('malformed', 'It carries no id of its delivery.');
  }
  const payload = payloadOf(incoming.body);
  const commit = payload === undefined ? undefined : commitOf(payload);
  if (payload === undefined || commit === undefined) {
    return refused('malformed', 'Its body has another shape than a build status.');
  }
  const status = payload.commit_status;
  const buildNumber = buildNumberOf(status.url);
  if (status.key.startsWith(OUR_KEY) || buildNumber === undefined) {
    return refused('not-ours', 'It tells of a status that no pipeline wrote.');
  }
  return {
    accepted: true,
    deliveryId,
    attempt: Number(/^[1-9][0-9]?$/.exec(header(incoming, 'x-attempt-number') ?? '')?.[0] ?? 1),
    event: Object.freeze({
      repository: payload.repository.full_name.split('/')[1] ?? '',
      commit,
      buildNumber,
      state: Object.hasOwn(STATES, status.state) ? STATES[status.state as keyof typeof STATES] : 'unknown',
      key: status.key,
    }),
  };
}

/** In the same time whatever differs; an empty secret fits nothing. */
function isGenuine(signature: string, body: Uint8Array, secret: string): boolean {
  const given = SIGNATURE.exec(signature.trim())?.[1];
  if (given === undefined || secret === '') {
    return false;
  }
  return timingSafeEqual(createHmac('sha256', secret).update(body).digest(), Buffer.from(given, 'hex'));
}

function header({ headers }: IncomingWebhook, name: string): string | undefined {
  const [, value] = Object.entries(headers).find(([key]) => key.toLowerCase() === name) ?? [];
  return typeof value === 'string' ? value : value?.length === 1 ? value[0] : undefined;
}

function payloadOf(body: Uint8Array): Payload | undefined {
  try {
    return Payload.safeParse(JSON.parse(Buffer.from(body).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** The documented payload names the commit by its address alone. */
function commitOf({ commit_status: { commit, links } }: Payload): string | undefined {
  const hash = commit?.hash ?? links?.commit?.href.replace(/^.*\/commit\//, '');
  return hash !== undefined && /^[0-9a-f]{7,40}$/.test(hash) ? hash : undefined;
}

/** Of the older address with `#!/results/12` and of the newer `/pipelines/results/12`. */
function buildNumberOf(url: string | null | undefined): number | undefined {
  const parsed = URL.parse(url ?? '');
  if (parsed === null || !/(^|\.)bitbucket\.org$/.test(parsed.hostname)) {
    return undefined;
  }
  const found = /\/pipelines\/(?:home#!\/)?results\/([1-9][0-9]{0,8})(?:[/?#]|$)/.exec(
    `${parsed.pathname}${parsed.hash}`,
  );
  return found === null ? undefined : Number(found[1]);
}
