// What runs in the cloud on our behalf: schedules, functions and what could not be delivered. For people, not for duties.
export interface ScheduledJob {
  /** Without project and region, such as nightshift-settle. */
  readonly name: string;
  readonly region: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly state: 'enabled' | 'paused' | 'disabled' | 'unknown';
  /** ISO; absent before the first. */
  readonly lastAttempt: string | undefined;
  /** Why the last attempt failed; absent when it went well. */
  readonly lastFailure: string | undefined;
  /** ISO; absent for a job that is not due any more. */
  readonly next: string | undefined;
}

export interface DeployedFunction {
  readonly name: string;
  readonly region: string;
  /** Address that takes requests. */
  readonly uri: string | undefined;
  readonly revision: string | undefined;
  /** ACTIVE, DEPLOYING, FAILED … in the cloud's own words. */
  readonly state: string;
  /** ISO. */
  readonly updated: string | undefined;
}

export interface InvokeReply {
  readonly status: number;
  readonly body: unknown;
}

export interface Deployment {
  /** Functions of ours in all regions, by name. */
  functions(): Promise<readonly DeployedFunction[]>;
  /** Jobs of ours in the given regions, by name. */
  jobs(regions: readonly string[]): Promise<readonly ScheduledJob[]>;
  /** Stops a job from being due, or lets it be due again; harmless to repeat. */
  setPaused(job: Pick<ScheduledJob, 'name' | 'region'>, paused: boolean): Promise<void>;
  /** Subscription of dead letters to how many lie in it now; those that are not named have none. */
  deadLetters(): Promise<ReadonlyMap<string, number>>;
  /** Calls a function as whoever this process is; gives its answer whatever the status. */
  invoke(deployed: DeployedFunction, body: object, deadlineSeconds: number): Promise<InvokeReply>;
}
