// The deployed part by Google's APIs: all pages of our own things, whose jobs can be paused, and refusals in words.
import { describe, expect, test } from 'vitest';
import { gcpDeployment } from '../../../shared/adapters/gcp/deployment.ts';
import type { Deployment } from '../../../shared/ports/deployment.ts';
import { json, scriptedServer } from '../http/scripted-server.ts';
import { testClock } from '../../support/runtime.ts';
import { type GoogleRig, googleRig } from './rig.ts';

const REGION = 'europe-west3';

function deploymentAt(rig: GoogleRig): Deployment {
  return gcpDeployment({ project: 'shop-prod', apiUrl: rig.url, clock: testClock(), random: () => 0 });
}

describe('functions and jobs', () => {
  test('are read to the last page, and only our own', async () => {
    const rig = await googleRig();
    rig.google.state.functions = ['nightshift-settle', 'shop-cart', 'nightshift-rebalance', 'nightshift-ingress'].map(
      (name) => ({
        name,
        region: REGION,
        state: 'ACTIVE',
        uri: `https://${name}.example.com`,
        revision: `${name}-00003-abc`,
      }),
    );
    const functions = await deploymentAt(rig).functions();
    expect(functions.map(({ name }) => name)).toEqual([
      'nightshift-ingress',
      'nightshift-rebalance',
      'nightshift-settle',
    ]);
    expect(functions[2]).toEqual({
      name: 'nightshift-settle',
      region: REGION,
      state: 'ACTIVE',
      uri: 'https://nightshift-settle.example.com',
      revision: 'nightshift-settle-00003-abc',
      updated: '2026-03-04T08:00:00.123456789Z',
    });
    expect(rig.violations()).toEqual([]);
  });

  test('a job tells when it was tried, how that went, and when it comes next', async () => {
    const rig = await googleRig();
    rig.google.state.jobs = [
      {
        name: 'nightshift-a',
        region: REGION,
        schedule: '* * * * *',
        state: 'ENABLED',
        lastAttemptTime: '2026-03-04T09:59:00Z',
        scheduleTime: '2026-03-04T10:00:00Z',
      },
      {
        name: 'nightshift-b',
        region: REGION,
        schedule: '*/5 * * * *',
        state: 'PAUSED',
        lastAttemptTime: '2026-03-04T09:55:00Z',
        code: 13,
      },
      { name: 'nightshift-c', region: REGION, schedule: '0 6 * * *', state: 'ENABLED' },
      { name: 'nightshift-d', region: 'us-central1', schedule: '0 6 * * *', state: 'ENABLED' },
    ];
    const jobs = await deploymentAt(rig).jobs([REGION]);
    expect(jobs.map(({ name, state, lastFailure, next }) => ({ name, state, lastFailure, next }))).toEqual([
      { name: 'nightshift-a', state: 'enabled', lastFailure: undefined, next: '2026-03-04T10:00:00Z' },
      { name: 'nightshift-b', state: 'paused', lastFailure: '500 failed', next: undefined },
      { name: 'nightshift-c', state: 'enabled', lastFailure: undefined, next: undefined },
    ]);
    expect(rig.violations()).toEqual([]);
  });

  test('a job is paused and resumed, twice without harm', async () => {
    const rig = await googleRig();
    rig.google.state.jobs = [{ name: 'nightshift-settle', region: REGION, schedule: '* * * * *', state: 'ENABLED' }];
    const deployment = deploymentAt(rig);
    const job = { name: 'nightshift-settle', region: REGION };
    for (const [paused, state] of [
      [true, 'PAUSED'],
      [true, 'PAUSED'],
      [false, 'ENABLED'],
    ] as const) {
      await deployment.setPaused(job, paused);
      expect(rig.google.state.jobs[0]?.state).toBe(state);
    }
    await expect(deployment.setPaused({ ...job, name: 'nightshift-gone' }, true)).rejects.toThrow('Job not found');
    expect(rig.violations()).toEqual([]);
  });

  test('dead letters are counted by their subscription', async () => {
    const rig = await googleRig();
    rig.google.state.undelivered = {
      'nightshift-rebalance-dead': 3,
      'nightshift-rebalance': 7,
      'nightshift-other-dead': 0,
    };
    expect(await deploymentAt(rig).deadLetters()).toEqual(new Map([['nightshift-rebalance-dead', 3]]));
    expect(rig.violations()).toEqual([]);
  });

  test('what is not permitted names the role', async () => {
    const rig = await googleRig();
    rig.google.state.denied.add('cloudscheduler.jobs.list');
    await expect(deploymentAt(rig).jobs([REGION])).rejects.toMatchObject({
      remedy: expect.stringContaining('roles/cloudscheduler.viewer') as unknown,
    });
  });
});

describe('tokens', () => {
  test('one is asked for and kept; a blip of the API is survived', async () => {
    const rig = await googleRig();
    rig.faults.push({ system: 'google', operation: 'list functions', call: 1, kind: '500' });
    const deployment = deploymentAt(rig);
    await deployment.functions();
    await deployment.functions();
    expect(rig.calls.filter(({ operation }) => operation === 'token')).toHaveLength(1);
  });

  test('a metadata server that refuses is told as what it is', async () => {
    const rig = await googleRig();
    rig.faults.push({ system: 'google', operation: 'token', kind: '500' });
    await expect(deploymentAt(rig).functions()).rejects.toMatchObject({
      kind: 'platform',
      message: expect.stringContaining('get access token') as unknown,
    });
  });

  test('without any identity it says how to get one', async () => {
    const rig = await googleRig();
    const { vi } = await import('vitest');
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
    await expect(deploymentAt(rig).functions()).rejects.toMatchObject({
      kind: 'configuration',
      remedy: expect.stringContaining('gcloud auth application-default login') as unknown,
    });
  });
});

describe('invoke', () => {
  test('calls the function with a token for its address and gives its answer', async () => {
    const rig = await googleRig();
    await using server = await scriptedServer(json({ run: { id: 'r1' } }));
    const reply = await deploymentAt(rig).invoke(functionAt(server.url), { scope: { namespace: 'shop' } }, 30);
    expect(reply).toEqual({ status: 200, body: { run: { id: 'r1' } } });
    const [request] = server.received;
    const claims = JSON.parse(
      Buffer.from(String(request?.headers['authorization']).split('.')[1] ?? '', 'base64url').toString(),
    ) as { aud: string };
    expect(claims.aud).toBe(server.url);
    expect(request?.body).toBe('{"scope":{"namespace":"shop"}}');
  });

  test('a function without an address says where to look', async () => {
    const rig = await googleRig();
    await expect(deploymentAt(rig).invoke(functionAt(undefined), {}, 30)).rejects.toThrow('has no address yet');
  });
});

function functionAt(uri: string | undefined) {
  return {
    name: 'nightshift-rebalance',
    region: REGION,
    uri,
    revision: undefined,
    state: 'ACTIVE',
    updated: undefined,
  };
}
