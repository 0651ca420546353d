// Clicks over a connection that we open to Slack, for who has no public address. Connects anew whenever the connection ends; an
// envelope is acknowledged once its event is stored. https://docs.slack.dev/apis/events-api/using-socket-mode
import type { SocketModeClient } from '@slack/socket-mode';
import { z } from 'zod';
import { CallerError, describeError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventSocket, TakenEvent } from '../../ports/sender.ts';
import { SILENT } from './client.ts';
import { checkedInteraction } from './interaction.ts';

export interface SlackSocketOptions {
  /** An app-level token, xapp-…, with connections:write. */
  readonly appToken: string;
  readonly apiUrl: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Tells what happened to the connection. */
  readonly tell: (level: 'info' | 'warn' | 'error', message: string) => void;
}

const FIRST_PAUSE_MILLISECONDS = 1000;
const LONGEST_PAUSE_MILLISECONDS = 60_000;
/** For the address, the connection and Slack's hello. */
const CONNECT_MILLISECONDS = 30_000;

const Envelope = z.lazy(() =>
  z.looseObject({
    type: z.string(),
    body: z.unknown(),
    ack: z.custom<() => Promise<void>>((value) => typeof value === 'function'),
  }),
);

export function slackSocket(options: SlackSocketOptions): EventSocket {
  return {
    async listen(take, signal) {
      let failures = 0;
      while (!signal.aborted) {
        try {
          const client = await connect(options, take);
          failures = 0;
          options.tell('info', 'connected to Slack: clicks come over its socket');
          await ended(client, signal);
        } catch (error) {
          failures += 1;
          options.tell('error', `Slack's socket could not be opened. Check SLACK_APP_TOKEN. ${describeError(error)}`);
        }
        if (!signal.aborted) {
          await options.clock.sleep(pauseOf(failures, options.random), signal).catch(() => undefined);
        }
      }
    },
  };
}

/** Right away after a connection that worked, then longer and longer, each time somewhat apart from other instances. */
function pauseOf(failures: number, random: () => number): number {
  const longest = Math.min(LONGEST_PAUSE_MILLISECONDS, FIRST_PAUSE_MILLISECONDS * 2 ** Math.max(0, failures - 1));
  return failures === 0 ? FIRST_PAUSE_MILLISECONDS * random() : longest * (0.5 + random() / 2);
}

/** Our own loop in place of the SDK's: its reconnection throws where nobody can catch it, which would end the process. */
async function connect(
  { appToken, apiUrl, clock, tell }: SlackSocketOptions,
  take: (event: TakenEvent) => Promise<void>,
): Promise<SocketModeClient> {
  const { SocketModeClient: Client } = await import('./socket-sdk.ts');
  const client = new Client({
    appToken,
    autoReconnectEnabled: false,
    logger: SILENT,
    clientOptions: { slackApiUrl: apiUrl, retryConfig: { retries: 0 }, rejectRateLimitedCalls: true },
  });
  client.on('slack_event', (envelope: unknown) => {
    void answerEnvelope(envelope, take, tell);
  });
  const late = new AbortController();
  const tooLate = clock.sleep(CONNECT_MILLISECONDS, late.signal).then(
    () => 'late' as const,
    () => 'in time' as const,
  );
  const started = client.start();
  started.catch(() => undefined);
  try {
    if ((await Promise.race([started, tooLate])) === 'late') {
      throw new Error(`no hello came within ${String(CONNECT_MILLISECONDS / 1000)} s`);
    }
    return client;
  } catch (error) {
    void client.disconnect();
    // The SDK gives nothing at all for a connection that ended before its hello.
    throw error ?? new Error('the connection ended before Slack said hello');
  } finally {
    late.abort();
  }
}

/** Acknowledged when stored, or when it never will be; what could not be stored Slack tells the person. */
async function answerEnvelope(
  envelope: unknown,
  take: (event: TakenEvent) => Promise<void>,
  tell: SlackSocketOptions['tell'],
): Promise<void> {
  const read = Envelope.safeParse(envelope);
  if (!read.success) {
    return;
  }
  try {
    await takeEnvelope(read.data, take);
    await read.data.ack();
  } catch (error) {
    tell('error', `a click could not be taken: ${describeError(error)}`);
  }
}

async function takeEnvelope(
  { type, body }: z.infer<typeof Envelope>,
  take: (event: TakenEvent) => Promise<void>,
): Promise<void> {
  if (type !== 'interactive' || typeof body !== 'object' || body === null) {
    return;
  }
  try {
    const checked = checkedInteraction(body);
    if (checked.verdict === 'event') {
      await take({ deliveryId: checked.deliveryId, event: checked.event });
    }
  } catch (error) {
    if (!(error instanceof CallerError)) {
      throw error;
    }
  }
}

/** Resolves when the connection ends, or when it was ended because of `signal`. */
async function ended(client: SocketModeClient, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    client.once('disconnected', () => {
      resolve();
    });
    signal.addEventListener('abort', () => void client.disconnect(), { once: true });
    if (signal.aborted) {
      void client.disconnect();
    }
  });
}
