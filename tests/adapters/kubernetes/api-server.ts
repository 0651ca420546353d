// A scripted API server for the adapter's tests: each test says what is answered, and sees what was asked.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { kubernetesCluster, type KubernetesClusterOptions } from '../../../shared/adapters/kubernetes/cluster.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Cluster } from '../../../shared/ports/cluster.ts';
import { encode, type JsonValue } from './encode.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Answer = (asked: Asked, response: ServerResponse) => void;

export interface Rig {
  readonly cluster: Cluster;
  readonly asked: readonly Asked[];
  /** Milliseconds that the adapter wanted to wait. */
  readonly waits: readonly number[];
  readonly kubeconfig: string;
  readonly url: string;
}

export function testClock(waits: number[]): Clock {
  return {
    now: () => new Date('2026-11-03T10:00:00Z'),
    sleep: (milliseconds) => {
      waits.push(milliseconds);
      return Promise.resolve();
    },
  };
}

export async function rig(
  answer: Answer,
  options: Partial<KubernetesClusterOptions> & { readonly user?: JsonValue } = {},
): Promise<Rig> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://api');
      const one: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      asked.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const waits: number[] = [];
  const { user, ...rest } = options;
  const kubeconfig = writeKubeconfig(url, user ?? { token: 'first' });
  const cluster = kubernetesCluster({ name: 'test', kubeconfig, clock: testClock(waits), random: () => 0.5, ...rest });
  return { cluster, asked, waits, kubeconfig, url };
}

export function writeKubeconfig(server: string, user: JsonValue, extra: JsonValue = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-kubeconfig-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'config');
  rewriteKubeconfig(path, server, user, extra);
  return path;
}

export function rewriteKubeconfig(path: string, server: string, user: JsonValue, extra: JsonValue = {}): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    clusters: [{ name: 'c', cluster: { server, ...extra } }],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'main', context: { cluster: 'c', user: 'u' } },
      { name: 'other', context: { cluster: 'c', user: 'u' } },
    ],
  };
  writeFileSync(path, JSON.stringify(config));
}

export function json(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

export function protobuf(
  response: ServerResponse,
  status: number,
  kind: string,
  apiVersion: string,
  value: JsonValue,
): void {
  response.writeHead(status, { 'content-type': 'application/vnd.kubernetes.protobuf' });
  response.end(encode(kind, apiVersion, value));
}

/** The API server's refusal. */
export function refusal(code: number, reason: string, message: string, more: JsonValue = {}): JsonValue {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code, ...more };
}

export function podJson(name: string, spec: JsonValue = {}, status: JsonValue = {}): JsonValue {
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      resourceVersion: '7',
      creationTimestamp: '2026-11-01T10:00:00Z',
    },
    spec: {
      nodeName: 'node-1',
      containers: [
        {
          name: 'app',
          image: 'app:1',
          resources: { requests: { cpu: '250m', memory: '1Gi' }, limits: { cpu: '500m', memory: '1Gi' } },
        },
      ],
      ...spec,
    },
    status: { phase: 'Running', qosClass: 'Burstable', ...status },
  };
}

export function podList(items: readonly JsonValue[], more: JsonValue = {}): JsonValue {
  return { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '9', ...more }, items };
}
