// The contract on a double of Firestore, and what only a service does: lose replies, abort, be somewhere else, keep expired documents.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OWN_FIELDS } from '../../../shared/adapters/firestore/documents.ts';
import { INDEXES } from '../../../shared/core/collections.ts';
import { ConfigurationError } from '../../../shared/core/errors.ts';
import type { Store, Write } from '../../../shared/ports/store.ts';
import { storeContract } from '../../contract/store.ts';
import { committed, create, TestClock, version } from '../../contract/store-under-test.ts';
import { type FirestoreDouble, PREFIX, startFirestoreDouble } from './double.ts';
import { StatusError } from './grpc-server.ts';
import { failureOf, openDouble } from './rig.ts';

storeContract('Firestore', async (clock) => {
  const double = await startFirestoreDouble();
  let store = openDouble(double.host, clock);
  return {
    store,
    second: () => Promise.resolve(openDouble(double.host, clock)),
    reopen: async () => {
      await store.close();
      store = openDouble(double.host, clock);
      return store;
    },
    dispose: async () => {
      await store.close();
      await double.close();
    },
  };
});

let clock: TestClock;
let double: FirestoreDouble;
let store: Store;

beforeEach(async () => {
  clock = new TestClock();
  double = await startFirestoreDouble();
  store = openDouble(double.host, clock);
});
afterEach(async () => {
  await store.close();
  await double.close();
});

function replace(id: string, data: object, at: string): Write {
  return { op: 'replace', collection: 'runs', id, data, version: at };
}

const foreign = { data: { stringValue: '{"by":"other"}' }, commit: { stringValue: 'other' } };

describe('what a commit costs', () => {
  it('is one call, also with checks', async () => {
    const at = version(await store.commit([create('leases', 'l', { holder: 'me' }), create('runs', 'r', {})]));
    const check: Write = { op: 'check', collection: 'leases', id: 'l', version: at };
    const absent: Write = { op: 'check', collection: 'leases', id: 'none', version: null };
    committed(await store.commit([check, absent, create('runs', 'r2', {})]));
    expect(double.calls).toEqual(['Commit', 'Commit']);
    expect(await store.read('leases', 'l')).toEqual({ id: 'l', data: { holder: 'me' }, version: at });
  });

  it('is a read alone where nothing is written', async () => {
    const at = version(await store.commit([create('leases', 'l', {}, clock.iso(60))]));
    double.calls.length = 0;
    const check: Write = { op: 'check', collection: 'leases', id: 'l', version: at };
    expect(await store.commit([check])).toEqual({ committed: true, versions: [at] });
    clock.advance(60);
    expect(await store.commit([check])).toMatchObject({ committed: false });
    expect(await store.commit([{ ...check, version: null }])).toMatchObject({ committed: true });
    expect(double.calls).toEqual(['BatchGetDocuments', 'BatchGetDocuments', 'BatchGetDocuments']);
  });

  it('is a look and a second call where an expired document is in the way', async () => {
    await store.commit([create('leases', 'l', { holder: 'dead' }, clock.iso(60))]);
    clock.advance(60);
    double.calls.length = 0;
    committed(await store.commit([create('leases', 'l', { holder: 'new' }, clock.iso(60))]));
    expect(double.calls).toEqual(['Commit', 'BatchGetDocuments', 'Commit']);
    expect((await store.read('leases', 'l'))?.data).toEqual({ holder: 'new' });
  });

  it('is one read for a version that has lapsed', async () => {
    const at = version(await store.commit([create('runs', 'r', {}, clock.iso(60))]));
    clock.advance(60);
    double.calls.length = 0;
    expect(await store.commit([replace('r', {}, at)])).toMatchObject({ committed: false });
    expect(double.calls).toEqual(['BatchGetDocuments']);
  });

  it('gives a new version also when nothing changed, which Firestore alone would not', async () => {
    const first = version(await store.commit([create('runs', 'r', { a: 1 })]));
    const second = version(await store.commit([replace('r', { a: 1 }, first)]));
    expect(second).not.toBe(first);
    expect(await store.commit([replace('r', { a: 1 }, first)])).toMatchObject({ committed: false });
  });
});

describe('a reply that is lost', () => {
  const writes = [create('runs', 'a', { n: 1 }), create('journal', 'b', { n: 2 }, '2026-12-01T00:00:00.000Z')];

  it('is found out: the commit happened, once, and its versions are good', async () => {
    double.plan('Commit', 'lose-reply');
    const versions = committed(await store.commit(writes));
    expect(double.calls.filter((call) => call === 'Commit')).toHaveLength(1);
    expect(versions).toEqual([(await store.read('runs', 'a'))?.version, (await store.read('journal', 'b'))?.version]);
    committed(await store.commit([replace('a', { n: 3 }, versions[0] ?? '')]));
  });

  it('is found out after a deadline too', async () => {
    await store.close();
    store = openDouble(double.host, clock, 0.5);
    await store.read('runs', 'warm');
    double.plan('Commit', 'hang');
    committed(await store.commit(writes));
    expect(double.calls.filter((call) => call === 'Commit')).toHaveLength(1);
  });

  it('is found out when others wrote one of the documents since', async () => {
    double.plan('Commit', 'lose-reply');
    double.plan('BatchGetDocuments', () => {
      double.write(`${PREFIX}/runs/a`, foreign);
    });
    const versions = committed(await store.commit(writes));
    expect(await store.commit([replace('a', {}, versions[0] ?? '')])).toMatchObject({ committed: false });
    expect((await store.read('runs', 'a'))?.data).toEqual({ by: 'other' });
  });

  it('is told as unknown when nothing that is left can tell', async () => {
    const at = version(await store.commit([create('runs', 'r', {})]));
    double.plan('Commit', 'lose-reply');
    const error = await failureOf(store.commit([{ op: 'remove', collection: 'runs', id: 'r', version: at }]));
    expect(error).toMatchObject({ failure: { operation: 'commit', code: 'lost-reply', applied: 'unknown' } });
    expect(await store.read('runs', 'r')).toBeUndefined();
  });

  it('is no excuse for a conflict: a document that is as it was shows that nothing happened', async () => {
    const at = version(await store.commit([create('runs', 'r', {})]));
    double.plan('Commit', new StatusError(13, 'internal'));
    double.plan('BatchGetDocuments', () => {
      double.write(`${PREFIX}/runs/new`, foreign);
    });
    expect(await store.commit([replace('r', {}, at), create('runs', 'new', {})])).toEqual({
      committed: false,
      conflict: { collection: 'runs', id: 'new' },
    });
  });

  it('that never was on its way is sent again', async () => {
    double.plan('Commit', new StatusError(13, 'internal'), new StatusError(14, 'connection reset'));
    committed(await store.commit(writes));
    expect(double.names()).toHaveLength(2);
    expect(double.calls.filter((call) => call === 'Commit')).toHaveLength(3);
  });

  it('is given up after three, and said to be unknown', async () => {
    const reset = new StatusError(14, 'read ECONNRESET');
    double.plan('Commit', reset, reset, reset, reset);
    const error = await failureOf(store.commit(writes));
    expect(error).toMatchObject({ failure: { code: 'unavailable', applied: 'unknown' } });
    expect(double.calls.filter((call) => call === 'Commit')).toHaveLength(3);
  });

  it('is noticed by the last look when the third was the one that happened', async () => {
    const reset = new StatusError(14, 'read ECONNRESET');
    double.plan('Commit', reset, reset, 'lose-reply');
    committed(await store.commit(writes));
    expect(double.names()).toHaveLength(2);
  });
});

describe('a read that fails in a commit', () => {
  const down = new StatusError(14, 'read ECONNRESET');

  it('leaves no doubt: what was refused did not happen', async () => {
    await store.commit([create('runs', 'r', {})]);
    double.plan('BatchGetDocuments', down, down, down);
    expect(await failureOf(store.commit([create('runs', 'r', {})]))).toMatchObject({
      failure: { operation: 'commit', code: 'unavailable', applied: 'no' },
    });
  });

  it('is tried again', async () => {
    const at = version(await store.commit([create('leases', 'l', {})]));
    double.plan('BatchGetDocuments', down, down);
    expect(await store.commit([{ op: 'check', collection: 'leases', id: 'l', version: at }])).toEqual({
      committed: true,
      versions: [at],
    });
  });
});

describe('contention', () => {
  it('is waited out', async () => {
    const aborted = new StatusError(10, 'Aborted due to cross-transaction contention.');
    double.plan('Commit', aborted, aborted, aborted);
    committed(await store.commit([create('runs', 'r', {})]));
    expect(double.names()).toHaveLength(1);
  });

  it('ends, and certainly nothing happened', async () => {
    const aborted = new StatusError(10, 'Aborted due to cross-transaction contention.');
    double.plan('Commit', ...Array.from({ length: 20 }, () => aborted));
    const error = await failureOf(store.commit([create('runs', 'r', {})]));
    expect(error).toMatchObject({ failure: { code: 'contention', applied: 'no' } });
    expect(double.calls.filter((call) => call === 'Commit')).toHaveLength(8);
  });

  it('names a checked document that changed right before the commit', async () => {
    const at = version(await store.commit([create('leases', 'l', {})]));
    double.plan('Commit', () => {
      double.write(`${PREFIX}/leases/l`, foreign);
    });
    const check: Write = { op: 'check', collection: 'leases', id: 'l', version: at };
    expect(await store.commit([create('runs', 'r', {}), check])).toEqual({
      committed: false,
      conflict: { collection: 'leases', id: 'l' },
    });
    expect(double.document(`${PREFIX}/runs/r`)).toBeUndefined();
  });

  it('leaves an expired document alone that is checked to be absent', async () => {
    await store.commit([create('leases', 'l', {}, clock.iso(60))]);
    clock.advance(60);
    const absent: Write = { op: 'check', collection: 'leases', id: 'l', version: null };
    committed(await store.commit([absent, create('runs', 'r', {})]));
    expect(double.names()).toEqual([`${PREFIX}/leases/l`, `${PREFIX}/runs/r`]);
  });
});

describe('reads', () => {
  it('are tried again, by nobody but us, and not for ever', async () => {
    await store.commit([create('runs', 'r', { a: 1 })]);
    const down = new StatusError(14, 'connection reset');
    double.plan('BatchGetDocuments', down);
    double.calls.length = 0;
    expect((await store.read('runs', 'r'))?.data).toEqual({ a: 1 });
    expect(double.calls).toHaveLength(2);
    double.plan('BatchGetDocuments', down, down, down);
    expect(await failureOf(store.read('runs', 'r'))).toMatchObject({ failure: { code: 'unavailable', applied: 'no' } });
    expect(double.calls).toHaveLength(5);
  });

  it('fail after their deadline', async () => {
    await store.close();
    store = openDouble(double.host, clock, 0.2);
    double.plan('RunQuery', 'hang', 'hang', 'hang');
    const error = await failureOf(store.query('runs', { where: [], limit: 1 }));
    expect(error.full).toMatch(/query .*shop-prod\/nightshift.*no answer within 0\.2 s/);
  });

  it('go on behind documents that have expired', async () => {
    const at = clock.iso();
    await store.commit(
      Array.from({ length: 6 }, (_, n) =>
        create('runs', `r${String(n)}`, { duty: 'd', startedAt: at }, n % 3 === 0 ? undefined : clock.iso(60)),
      ),
    );
    clock.advance(60);
    const descending = { field: 'startedAt', direction: 'descending' } as const;
    const found = await store.query('runs', {
      where: [{ field: 'duty', op: '==', value: 'd' }],
      orderBy: descending,
      limit: 2,
    });
    expect(found.map(({ id }) => id)).toEqual(['r3', 'r0']);
  });

  it('say which document somebody else spoiled', async () => {
    double.write(`${PREFIX}/runs/r`, { data: { stringValue: '{' } });
    double.write(`${PREFIX}/runs/s`, { other: { booleanValue: true } });
    for (const id of ['r', 's']) {
      const error = await failureOf(store.read('runs', id));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.full).toContain(`runs/${id} is no JSON`);
    }
  });
});

describe('check', () => {
  it('finds out a database that does not keep the version of what is only checked', async () => {
    double.plan('Commit', 'reply', () => {
      double.touchNext();
    });
    expect(await failureOf(store.check())).toMatchObject({ failure: { code: 'inconsistent' } });
  });

  it('fails for an account that may only read', async () => {
    double.plan('Commit', new StatusError(7, 'Missing or insufficient permissions.'));
    expect((await failureOf(store.check())).full).toContain('roles/datastore.user');
  });
});

describe('prune', () => {
  it('spares what was written anew in the meantime', async () => {
    await store.commit([create('leases', 'gone', {}, clock.iso(1)), create('leases', 'taken', {}, clock.iso(1))]);
    clock.advance(10);
    double.plan('BatchWrite', () => {
      double.write(`${PREFIX}/leases/taken`, foreign);
    });
    expect(await store.prune(10)).toBe(1);
    expect(double.names()).toEqual([`${PREFIX}/leases/taken`]);
  });
});

it('keeps the names of its own fields free of indexes', () => {
  const indexed = new Set([...INDEXES.values()].flat(2));
  expect(OWN_FIELDS.filter((field) => indexed.has(field))).toEqual([]);
});
