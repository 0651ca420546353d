// Failures of Firestore and of its client: each told with the database, the reason and what to do.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { firestoreStore } from '../../../shared/adapters/firestore/store.ts';
import { BugError, ConfigurationError, type NightshiftError, PlatformError } from '../../../shared/core/errors.ts';
import type { Store } from '../../../shared/ports/store.ts';
import { create, TestClock } from '../../contract/store-under-test.ts';
import { type FirestoreDouble, startFirestoreDouble } from './double.ts';
import { StatusError } from './grpc-server.ts';
import { failureOf, openDouble } from './rig.ts';

const clock = new TestClock();
let double: FirestoreDouble;
let store: Store;

beforeEach(async () => {
  double = await startFirestoreDouble();
  store = openDouble(double.host, clock);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await store.close();
  await double.close();
});

describe('failures say what to do', () => {
  it.each<[string, number, string, RegExp, typeof NightshiftError | typeof PlatformError]>([
    ['a role', 7, 'Missing or insufficient permissions.', /roles\/datastore\.user/, ConfigurationError],
    [
      'an API that is off',
      7,
      'Cloud Firestore API has not been used in project shop-prod before or it is disabled.',
      /gcloud services enable firestore\.googleapis\.com --project shop-prod/,
      ConfigurationError,
    ],
    [
      'no such database',
      5,
      'The database nightshift does not exist for project shop-prod',
      /databases create --project shop-prod --database 'nightshift'.*NIGHTSHIFT_STORE/,
      ConfigurationError,
    ],
    [
      'old credentials',
      16,
      'Request had invalid credentials.',
      /gcloud auth application-default login/,
      ConfigurationError,
    ],
    [
      'Datastore mode',
      9,
      'The Cloud Firestore API is not available for Firestore in Datastore Mode',
      /Native mode/,
      ConfigurationError,
    ],
    [
      'an index',
      9,
      'The query requires an index. You can create it here: https://x',
      /terraform apply/,
      ConfigurationError,
    ],
    [
      'an index in the making',
      9,
      'The query requires an index. That index is currently building',
      /Wait/,
      PlatformError,
    ],
    ['a quota', 8, 'Quota exceeded.', /Quotas.*Pacific/, PlatformError],
    ['an outage', 14, 'The service is currently unavailable.', /status\.cloud\.google\.com/, PlatformError],
    ['a request that is too large', 8, 'gRPC message exceeds maximum size 4194304: 8258887', /10 MiB/, BugError],
    ['our own mistake', 3, 'Invalid resource field value in the request.', /refused the request/, BugError],
    ['anything else', 12, 'Not \u0007implemented\nhere', /Not implemented here/, PlatformError],
  ])('%s', async (_, code, details, expected, kind) => {
    double.plan('BatchGetDocuments', ...Array.from({ length: 5 }, () => new StatusError(code, details)));
    const error = await failureOf(store.read('runs', 'r'));
    expect(error).toBeInstanceOf(kind);
    expect(error.full).toMatch(expected);
    expect(error.full).toContain('shop-prod/nightshift');
  });

  it('a commit that may not be made is told as such at once', async () => {
    double.plan('Commit', new StatusError(7, 'Missing or insufficient permissions.'));
    const error = await failureOf(store.commit([create('runs', 'r', {})]));
    expect(error.full).toMatch(/commit.*roles\/datastore\.user/);
    expect(double.calls).toEqual(['Commit']);
  });

  it('a database that is not there is told by a commit too, not as a conflict', async () => {
    const absent = new StatusError(5, 'The database nightshift does not exist for project shop-prod');
    double.plan('Commit', absent);
    double.plan('BatchGetDocuments', absent);
    const error = await failureOf(store.commit([create('runs', 'r', {})]));
    expect(error.full).toContain('databases create');
  });

  it('tells what to do where there are no credentials, and looks for them again the next time', async () => {
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
    vi.stubEnv('HOME', '/nowhere');
    const abroad = firestoreStore({ project: 'shop-prod', clock, random: () => 0 });
    for (let time = 0; time < 2; time += 1) {
      const error = await failureOf(abroad.read('runs', 'r'));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.full).toMatch(/shop-prod\/\(default\).*gcloud auth application-default login/);
    }
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nowhere/key.json');
    expect((await failureOf(abroad.read('runs', 'r'))).full).toContain('GOOGLE_APPLICATION_CREDENTIALS');
    await abroad.close();
  });

  it('nobody listens: certainly nothing happened', async () => {
    await double.close();
    const error = await failureOf(store.commit([create('runs', 'r', {})]));
    expect(error).toMatchObject({ failure: { code: 'unavailable', applied: 'no' } });
    double = await startFirestoreDouble();
  });
});
