// The end of a step's log: by range, from servers that ignore it, from storage behind a redirect, and where there is none.
import { describe, expect, it } from 'vitest';
import { serve, type Double } from '../../../fixtures/platform/kit.ts';
import type { CiLogTail } from '../../../shared/ports/ci.ts';
import { afterTest, failureOf } from '../../support/adapter-rig.ts';
import { bitbucketRig, HEAD, TOKEN, type Rig, type RigOptions } from './rig.ts';

async function logOf(
  log: unknown,
  bytes: number,
  options: RigOptions = {},
): Promise<{ rig: Rig; tail: CiLogTail | undefined }> {
  const steps = [{ name: 'Test', result: 'FAILED', log }];
  const repository = { slug: 'shop', pipelines: [{ number: 1, commit: HEAD, createdAt: '-1h', steps }] };
  const rig = await bitbucketRig({ scenario: { repositories: [repository] }, ...options });
  const held = rig.double.workspace.repositories[0]?.pipelines[0];
  const step = held === undefined ? undefined : rig.double.workspace.show(held).steps[0];
  const request = { repository: 'shop', pipeline: held?.uuid ?? '', step: step?.uuid ?? '', bytes };
  return { rig, tail: await rig.ci.logTail(request) };
}

function text(tail: CiLogTail | undefined): string {
  return Buffer.from(tail?.bytes ?? []).toString('utf8');
}

function ignoringRange(double: Double): Double {
  return { ...double, handle: (request) => double.handle({ ...request, headers: { ...request.headers, range: '' } }) };
}

describe('the end of a log', () => {
  it('is read by range: nothing of the rest travels', async () => {
    const { rig, tail } = await logOf(`${'x'.repeat(5000)}the end`, 7);

    expect([text(tail), tail?.totalBytes, tail?.isComplete]).toEqual(['the end', 5007, false]);
    expect(rig.calls.map(({ status }) => status)).toEqual([206]);
  });

  it('of a short log is all of it', async () => {
    const { tail } = await logOf('short', 1000);
    expect([text(tail), tail?.totalBytes, tail?.isComplete]).toEqual(['short', 5, true]);
  });

  it('is cut from the whole where a server ignores ranges, in the memory of the part that is kept', async () => {
    const { rig, tail } = await logOf(`${'x'.repeat(3_000_000)}the end`, 7, { around: ignoringRange });

    expect([text(tail), tail?.totalBytes, tail?.isComplete]).toEqual(['the end', 3_000_007, false]);
    expect(rig.calls.map(({ status }) => status)).toEqual([200]);
  });

  it('of an empty log is empty, which Bitbucket tells by 416', async () => {
    const { rig, tail } = await logOf('', 100);

    expect(tail).toMatchObject({ totalBytes: 0, isComplete: true });
    expect(rig.calls.map(({ status }) => status)).toEqual([416]);
  });

  it('of a step without one is none', async () => {
    const { tail } = await logOf(null, 100);
    expect(tail).toBeUndefined();
  });

  it('may begin within a character: bytes are handed on as they are', async () => {
    const { tail } = await logOf('añb', 2);
    expect([...(tail?.bytes ?? [])]).toEqual([0xb1, 0x62]);
  });

  it('comes from the storage that Bitbucket redirects to, which never sees the token', async () => {
    const seen: (string | undefined)[] = [];
    const other = await storage(seen);
    const { rig, tail } = await logOf('unused', 7, {
      unchecked: true,
      around: (double) => ({
        ...double,
        handle: () => ({ status: 307, headers: { location: `${other}/log?signature=x` }, body: '' }),
      }),
    });

    expect(text(tail)).toBe('the end');
    expect([seen, rig.calls.length]).toEqual([[undefined], 1]);
  });

  it('is asked for by a redirect that leads in a circle no more than four times', async () => {
    const met = failureOf(
      logOf('unused', 7, {
        unchecked: true,
        around: (double) => ({
          ...double,
          handle: ({ path }) => ({ status: 307, headers: { location: path }, body: '' }),
        }),
      }),
    );
    expect((await met).failure.status).toBe(307);
  });
});

async function storage(seen: (string | undefined)[]): Promise<string> {
  const reply = () => ({
    status: 206,
    headers: { 'content-range': 'bytes 93-99/100', 'content-type': 'text/plain' },
    body: 'the end',
  });
  const running = await serve(
    {
      system: 'storage',
      operationOf: () => 'read',
      handle: ({ headers }) => {
        seen.push(headers['authorization']);
        return headers['authorization']?.includes(TOKEN) === true ? { status: 400, body: '' } : reply();
      },
      expiredToken: reply,
      tooManyRequests: reply,
      serverError: reply,
    },
    { clock: { now: () => new Date(0), advance: () => undefined, set: () => undefined }, faults: [], calls: [] },
  );
  afterTest(() => running.close());
  return running.url;
}
