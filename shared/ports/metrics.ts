// Time series, asked in plain PromQL.

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Unix seconds and value, ascending. */
  readonly points: readonly (readonly [number, number])[];
}

export interface Metrics {
  /** `at` is an ISO time. Every reply of more than one sample a label set is refused. */
  instant(query: string, at: string): Promise<readonly Sample[]>;
  /** Points at multiples of `stepSeconds` counted from `from`; times are ISO. */
  range(query: string, from: string, to: string, stepSeconds: number): Promise<readonly Series[]>;
  /** What the server calls itself and its clock (from the Date header), for the doctor. */
  identity(): Promise<{ readonly server: string; readonly now: string | null }>;
}
