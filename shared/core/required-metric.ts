// What a duty reads from the metrics store, as data: for the doctor, which looks whether it is there.

export interface RequiredMetric {
  readonly metric: string;
  /** Labels that every series must have for the duty's queries to find it. */
  readonly labels: readonly string[];
  readonly exporter: 'cadvisor' | 'kube-state-metrics';
  /** False for a metric that is there only once something has happened (a container was terminated, has a CPU limit). */
  readonly isAlwaysThere: boolean;
  /** What the duty cannot do without it, one sentence. */
  readonly without: string;
}
