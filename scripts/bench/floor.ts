// The floor: what the same reading costs with nothing but fetch and JSON.parse. It understands nothing of what it reads, checks
// nothing and decides nothing, so that nobody who reads all of it can be much faster.

/** One query as it went over the wire. */
export interface RawQuery {
  readonly url: string;
  readonly method: string;
  readonly contentType: string;
  readonly body: string;
}

export interface RawList {
  readonly url: string;
  readonly token: string;
  readonly pageSize: number;
}

interface JsonPage {
  readonly metadata: { readonly continue?: string };
  readonly items: readonly unknown[];
}

/** A server on this machine would only lose time by compressing; our own clients do not ask for it there either. */
const UNCOMPRESSED = { 'accept-encoding': 'identity' };

/** The smallest request there is. */
export async function rawVersion({ url, token }: RawList): Promise<unknown> {
  return json(new URL('/version', url).href, { headers: { ...UNCOMPRESSED, authorization: `Bearer ${token}` } });
}

/** All pods of the namespace, page by page; gives how many. */
export async function rawList(list: RawList, namespace: string): Promise<number> {
  const items: unknown[] = [];
  let token = '';
  do {
    const url = new URL(`/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`, list.url);
    url.searchParams.set('limit', String(list.pageSize));
    if (token !== '') {
      url.searchParams.set('continue', token);
    }
    const page = (await json(url.href, {
      headers: { ...UNCOMPRESSED, accept: 'application/json', authorization: `Bearer ${list.token}` },
    })) as JsonPage;
    items.push(...page.items);
    token = page.metadata.continue ?? '';
  } while (token !== '');
  return items.length;
}

/** All queries of one wave at once. */
export async function rawQueries(wave: readonly RawQuery[]): Promise<void> {
  await Promise.all(
    wave.map(({ url, method, contentType, body }) =>
      json(url, { method, headers: { ...UNCOMPRESSED, 'content-type': contentType }, body }),
    ),
  );
}

async function json(url: string, request: RequestInit): Promise<unknown> {
  const reply = await fetch(url, request);
  if (!reply.ok) {
    throw new Error(`${url} answered ${String(reply.status)}: ${(await reply.text()).slice(0, 300)}`);
  }
  return reply.json();
}
