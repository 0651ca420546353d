// The price of a month from measured figures: pure arithmetic. Measures nothing and knows no price by itself.
import { Cron } from 'croner';

/** What one run was measured to take. */
export interface Figures {
  readonly cpuSeconds: number;
  /** Calls of other systems. */
  readonly calls: number;
  readonly storeReads: number;
  readonly storeWrites: number;
}

export interface MonthlyDuty {
  readonly name: string;
  readonly memoryMib: number;
  /** Requests of a month that do a run, and ticks that only hand scopes out. */
  readonly runs: number;
  readonly ticks: number;
  readonly figures: Figures;
  /** Without a schedule there is no job to pay for. */
  readonly hasJob: boolean;
}

export interface Assumed {
  readonly secondsPerCall: number;
  readonly vcpu: number;
  readonly coldStartSeconds: number;
  readonly warmMinutes: number;
  readonly warmInstanceStartsPerDay: number;
  /** Secrets that an instance reads when it starts. */
  readonly secrets: number;
  readonly logKibPerRequest: number;
}

export type Quantity =
  | 'cpuSecond'
  | 'memoryGibSecond'
  | 'request'
  | 'schedulerJob'
  | 'storeRead'
  | 'storeWrite'
  | 'storeExpiry'
  | 'storeGib'
  | 'messageGib'
  | 'secretVersion'
  | 'secretAccess'
  | 'imageGib'
  | 'bundleGib'
  | 'logGib';

export interface Price {
  readonly usd: number;
  /** So much of it costs nothing in a month. */
  readonly free: number;
}

/** A month of 365/12 days. */
const DAYS = 365 / 12;
const MONTH_SECONDS = DAYS * 86_400;
/** Publishing and delivering count each, as 1,000 bytes at least; our messages are smaller. */
const MESSAGE_GIB = 2000 / 1024 ** 3;

/** How often a schedule comes due in a month, from a year of it. */
export function ticksPerMonth(schedule: string): number {
  const job = new Cron(schedule, { paused: true, mode: '5-part', timezone: 'UTC' });
  const start = Date.UTC(2026, 0, 5);
  const end = start + 28 * 86_400_000;
  let count = 0;
  for (
    let next = job.nextRun(new Date(start - 1000));
    next !== null && next.getTime() < end;
    next = job.nextRun(next)
  ) {
    count += 1;
  }
  return (count / 28) * DAYS;
}

/** Seconds that are billed for one run, which begin and end in steps of 0.1 s. */
export function billedSeconds(figures: Figures, assumed: Assumed): number {
  const seconds = figures.cpuSeconds / assumed.vcpu + figures.calls * assumed.secondsPerCall;
  return Math.max(0.1, Math.ceil(seconds * 10 - 1e-9) / 10);
}

/** What ten duties use in a month, before any price. */
export function quantities(
  duties: readonly MonthlyDuty[],
  assumed: Assumed,
  rest: Readonly<Partial<Record<Quantity, number>>>,
): Readonly<Record<Quantity, number>> {
  const requestsOf = ({ runs, ticks }: MonthlyDuty): number => runs + ticks;
  // Requests that come further apart than an instance is kept all start cold; others hardly ever do.
  const starts = (duty: MonthlyDuty): number => {
    const requests = requestsOf(duty);
    const isCold = requests > 0 && MONTH_SECONDS / requests > assumed.warmMinutes * 60;
    return isCold ? requests : Math.min(requests, assumed.warmInstanceStartsPerDay * DAYS);
  };
  const seconds = (duty: MonthlyDuty): number =>
    duty.runs * billedSeconds(duty.figures, assumed) + duty.ticks * 0.1 + starts(duty) * assumed.coldStartSeconds;
  const sum = (of: (duty: MonthlyDuty) => number): number => duties.reduce((total, duty) => total + of(duty), 0);
  return {
    cpuSecond: sum((duty) => seconds(duty) * assumed.vcpu),
    memoryGibSecond: sum((duty) => (seconds(duty) * duty.memoryMib) / 1024),
    request: sum(requestsOf),
    schedulerJob: sum(({ hasJob }) => Number(hasJob)),
    storeRead: sum(({ runs, figures }) => runs * figures.storeReads),
    storeWrite: sum(({ runs, figures }) => runs * figures.storeWrites),
    // Nearly every document that is written expires one day; a document that is written twice is counted twice, which errs upwards.
    storeExpiry: sum(({ runs, figures }) => runs * figures.storeWrites),
    storeGib: 0,
    messageGib: sum(({ runs, ticks }) => (ticks > 0 ? runs * MESSAGE_GIB : 0)),
    secretVersion: 0,
    secretAccess: sum((duty) => starts(duty) * assumed.secrets),
    imageGib: 0,
    bundleGib: 0,
    logGib: (sum(requestsOf) * assumed.logKibPerRequest) / 1024 ** 2,
    ...rest,
  };
}

export interface Line {
  readonly quantity: Quantity;
  readonly amount: number;
  readonly usd: number;
  readonly usdAfterFree: number;
}

export function bill(
  amounts: Readonly<Record<Quantity, number>>,
  prices: Readonly<Record<Quantity, Price>>,
): readonly Line[] {
  return (Object.keys(amounts) as Quantity[]).map((quantity) => {
    const { usd, free } = prices[quantity];
    const amount = amounts[quantity];
    return { quantity, amount, usd: amount * usd, usdAfterFree: Math.max(0, amount - free) * usd };
  });
}

/** `unless` says of which quantities the free tier is used up by others. */
export function total(lines: readonly Line[], unless: (quantity: Quantity) => boolean = () => false): number {
  return lines.reduce((sum, { quantity, usd, usdAfterFree }) => sum + (unless(quantity) ? usd : usdAfterFree), 0);
}
