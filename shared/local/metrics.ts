// The host's own numbers in Prometheus' text form.
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import type { Answer } from '../runtime/http.ts';

export interface HostMetrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** Call when a run begins; the function that it gives takes the answer. */
  began(duty: string): (answer: Answer) => void;
}

const RUN_SECONDS_BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

export function hostMetrics(): HostMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const runs = new Counter({
    name: 'nightshift_runs_total',
    help: 'Runs by duty and HTTP status of their answer',
    labelNames: ['duty', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'nightshift_run_duration_seconds',
    help: 'Time from request to answer',
    labelNames: ['duty'],
    buckets: RUN_SECONDS_BUCKETS,
    registers: [registry],
  });
  const actions = new Counter({
    name: 'nightshift_actions_total',
    help: 'Actions by kind and outcome',
    labelNames: ['kind', 'outcome'],
    registers: [registry],
  });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    began(duty) {
      const stop = seconds.startTimer({ duty });
      return (answer) => {
        stop();
        runs.inc({ duty, status: String(answer.status) });
        for (const { kind, outcome } of actionsOf(answer.body)) {
          actions.inc({ kind, outcome });
        }
      };
    },
  };
}

function actionsOf(body: Answer['body']): readonly { kind: string; outcome: string }[] {
  const reports = Array.isArray(body['reports']) ? (body['reports'] as Answer['body'][]) : [body];
  return reports.flatMap((report) =>
    Array.isArray(report['actions']) ? (report['actions'] as { kind: string; outcome: string }[]) : [],
  );
}
