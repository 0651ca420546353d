// Reads lists page by page and single objects, in whichever encoding the server chose. A list is whole or it fails: half a
// list would let what is missing count as healthy.
import { BugError, CallerError } from '../../core/errors.ts';
import type { Call, KubernetesClient, Reply } from './client.ts';
import { readStatus } from './failure.ts';
import { isRecord, readJson } from './json.ts';
import { MalformedError, type Message, type Read } from './message.ts';
import { LIST_META } from './messages.ts';
import { openEnvelope, readProtobuf, splitList } from './protobuf.ts';

/** A kind: how it is named and where it is served. */
export interface Resource<M extends Message> {
  /** e.g. `Pod`; its list is `PodList`. */
  readonly kind: string;
  readonly message: M;
  /** `/api/v1` or `/apis/<group>/<version>` */
  readonly root: string;
  readonly plural: string;
  /** Custom resources are served as JSON only. */
  readonly isCustom?: true;
}

/** The path of a resource's collection, or of one object and perhaps its subresource. */
export function resourcePath(
  resource: Resource<Message>,
  namespace: string | undefined,
  ...rest: readonly string[]
): string {
  const scope = namespace === undefined ? [] : ['namespaces', namespace];
  return [resource.root, ...[...scope, resource.plural, ...rest].map(pathSegment)].join('/');
}

/** `encodeURIComponent` leaves dots alone, and a URL's `..` takes the segment before it away: a namespace `..` would be the whole cluster. */
function pathSegment(name: string): string {
  if (name === '' || name === '.' || name === '..') {
    throw new CallerError(`${JSON.stringify(name)} is no name of a Kubernetes object.`);
  }
  return encodeURIComponent(name);
}

/** Labels have no character that would need escaping in a selector. */
export function labelSelector(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

export interface ListRequest<M extends Message, F> {
  readonly resource: Resource<M>;
  /** Absent: of the whole cluster. */
  readonly namespace?: string;
  readonly target: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly pageSize: number;
  /** What to keep of an item; undefined for what is not wanted. */
  readonly project: (raw: Read<M>) => F | undefined;
  /** Told after each page how many items were read. */
  readonly progress?: (count: number) => void;
}

/** One page before its items are read. */
interface Page<M extends Message> {
  readonly continue: string;
  /** How many come after this page, where the server tells. */
  readonly remaining: number | undefined;
  readonly items: Iterable<Read<M>>;
}

const GONE = 410;

/**
 * The whole list, projected. The next page is on its way while this one is decoded. A snapshot that expires on the way (410)
 * is continued once from the newer one that the server offers, else read again from the start.
 */
export async function readList<M extends Message, F>(
  client: KubernetesClient,
  request: ListRequest<M, F>,
): Promise<readonly F[]> {
  const whole = await readListWithin(client, request, Number.POSITIVE_INFINITY);
  if (whole === undefined) {
    throw new BugError('A list without a bound came to its bound.');
  }
  return whole;
}

/** The same where it has at most so many pages; undefined, after that many of them, where it has more. */
export async function readListWithin<M extends Message, F>(
  client: KubernetesClient,
  request: ListRequest<M, F>,
  mostPages: number,
): Promise<readonly F[] | undefined> {
  const facts: F[] = [];
  let count = 0;
  let pages = 0;
  let hasRestarted = false;
  let token = '';
  let pending = askPage(client, request, token, true);
  for (;;) {
    const answer = await pending;
    if ('expired' in answer) {
      // The offered token goes on after the last key that was given, so that nothing appears twice.
      hasRestarted = true;
      token = answer.expired;
      if (token === '') {
        facts.length = 0;
        count = 0;
      }
      pending = askPage(client, request, token, false);
      continue;
    }
    const { reply } = answer;
    pages += 1;
    const mayGoOn = pages < mostPages;
    const next = client.read(listCall(request, token), reply, () => {
      const page = openPage(request.resource, reply);
      if (page.continue !== '' && page.continue === token) {
        throw new MalformedError('the list goes on with the same page for ever');
      }
      if (page.continue !== '' && !mayGoOn) {
        return 'more' as const;
      }
      const following = page.continue === '' ? undefined : askPage(client, request, page.continue, !hasRestarted);
      // When an item cannot be read, nobody waits for the page that is already on its way.
      following?.catch(() => undefined);
      for (const raw of page.items) {
        const fact = request.project(raw);
        count += 1;
        if (fact !== undefined) {
          facts.push(fact);
        }
      }
      return following === undefined ? undefined : { following, token: page.continue };
    });
    if (next === 'more') {
      return undefined;
    }
    request.progress?.(count);
    if (next === undefined) {
      return facts;
    }
    pending = next.following;
    token = next.token;
  }
}

/** How many items the list has, by one small request; undefined where the server does not tell, as with selectors. */
export async function countItems<M extends Message, F>(
  client: KubernetesClient,
  request: ListRequest<M, F>,
): Promise<number | undefined> {
  const call = listCall({ ...request, pageSize: 1 }, '');
  const reply = await client.send(call);
  return client.read(call, reply, () => {
    const page = openPage(request.resource, reply);
    const there = [...page.items].length;
    return page.continue === '' ? there : page.remaining === undefined ? undefined : there + page.remaining;
  });
}

type PageAnswer = { readonly reply: Reply } | { readonly expired: string };

async function askPage<M extends Message, F>(
  client: KubernetesClient,
  request: ListRequest<M, F>,
  token: string,
  mayRestart: boolean,
): Promise<PageAnswer> {
  const call = listCall(request, token);
  const reply = await client.send(token !== '' && mayRestart ? { ...call, answers: [GONE] } : call);
  return reply.status === GONE
    ? { expired: readStatus(reply.contentType, reply.body).metadata?.continue ?? '' }
    : { reply };
}

function listCall<M extends Message, F>(request: ListRequest<M, F>, token: string): Call {
  const { resource, namespace, target, query, pageSize } = request;
  return {
    operation: `list ${resource.plural}`,
    target,
    effect: 'read',
    method: 'GET',
    path: resourcePath(resource, namespace),
    query: { ...query, limit: String(pageSize), ...(token === '' ? {} : { continue: token }) },
    accept: resource.isCustom === true ? 'json' : 'any',
  };
}

function openPage<M extends Message>(resource: Resource<M>, reply: Reply): Page<M> {
  const { message } = resource;
  const kind = `${resource.kind}List`;
  if (isProtobuf(reply)) {
    const envelope = openEnvelope(reply.body);
    expectKind(envelope.kind, kind);
    const { metadata, items } = splitList(LIST_META, envelope.raw);
    return { ...placeOf(metadata), items: mapped(items, (item) => readProtobuf(message, item)) };
  }
  const list: unknown = JSON.parse(reply.body.toString('utf8'));
  if (!isRecord(list)) {
    throw new MalformedError('a list should be an object');
  }
  expectKind(list.kind, kind);
  const metadata = readJson(LIST_META, list.metadata, `${kind}.metadata`);
  // Go writes an empty list of custom resources as null at times.
  const items: unknown = list.items ?? (Object.hasOwn(list, 'items') ? [] : undefined);
  if (!Array.isArray(items)) {
    throw new MalformedError(`${kind}.items should be a list`);
  }
  return { ...placeOf(metadata), items: mapped(items, (item) => readJson(message, item, resource.kind)) };
}

function placeOf(metadata: Read<typeof LIST_META>): Pick<Page<Message>, 'continue' | 'remaining'> {
  return { continue: metadata.continue ?? '', remaining: metadata.remainingItemCount ?? undefined };
}

/** One object in the encoding that the server chose. */
export function readObject<M extends Message>(resource: Resource<M>, reply: Reply): Read<M> {
  const { message, kind } = resource;
  if (isProtobuf(reply)) {
    const envelope = openEnvelope(reply.body);
    expectKind(envelope.kind, kind);
    return readProtobuf(message, envelope.raw);
  }
  const value: unknown = JSON.parse(reply.body.toString('utf8'));
  expectKind(isRecord(value) ? value.kind : undefined, kind);
  return readJson(message, value, kind);
}

function isProtobuf(reply: Reply): boolean {
  return reply.contentType.startsWith('application/vnd.kubernetes.protobuf');
}

function expectKind(found: unknown, wanted: string): void {
  if (found !== wanted) {
    throw new MalformedError(
      `it should be a ${wanted} and is ${typeof found === 'string' && found !== '' ? found : 'of no kind'}`,
    );
  }
}

function* mapped<T, R>(items: readonly T[], map: (item: T) => R): Iterable<R> {
  for (const item of items) {
    yield map(item);
  }
}
