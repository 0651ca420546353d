// What starts a run over HTTP: plain JSON, a Pub/Sub push envelope, or a CloudEvent, binary or structured. All carry the same request.
import { z } from 'zod';
import { CallerError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { TriggerKind } from './run-record.ts';

export interface Incoming {
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The body as text; '' when there is none. */
  readonly body: string;
  /** Of the address, without its query; absent for a tick of our own schedule. */
  readonly path?: string;
}

export interface DutyRequest {
  /** Absent: all scopes of the policy. */
  readonly scope: JsonObject | undefined;
  /** What the caller points at, in the duty's own form. */
  readonly events: readonly JsonObject[];
  readonly dryRun: boolean;
  readonly trigger: TriggerKind;
  readonly deliveryId: string | undefined;
}

/** Senders choose the names of fields that we do not know. */
const LONGEST_FIELD = 200;

/** Larger bodies are refused: a request is a scope and a flag. */
export const BODY_LIMIT_BYTES = 1024 * 1024;

/** Flat: a scope becomes a key. Nothing here may recurse over what a stranger sends. */
const ScopeValue = z.union([
  z.string().refine((text) => text.isWellFormed(), 'is not valid Unicode'),
  z.number(),
  z.boolean(),
  z.null(),
]);

const Request = z.strictObject({
  scope: z.record(z.string(), ScopeValue).optional(),
  events: z.array(z.record(z.string(), ScopeValue)).max(100).optional(),
  dry_run: z.boolean().optional(),
});

const PushEnvelope = z.looseObject({
  message: z.looseObject({
    data: z.string().optional(),
    messageId: z.string().min(1).max(200).optional(),
    message_id: z.string().min(1).max(200).optional(),
    attributes: z.record(z.string(), z.string()).nullish(),
  }),
});

const StructuredEvent = z.looseObject({
  specversion: z.string(),
  id: z.string().min(1).max(200),
  source: z.string().max(2000).optional(),
  type: z.string(),
  data: z.unknown().optional(),
  data_base64: z.string().optional(),
});

/** Reads the request out of whatever envelope it came in. A CallerError names the field and the reason. */
export function readRequest(incoming: Incoming): DutyRequest {
  const { headers } = incoming;
  const body = parseBody(incoming.body);
  if (headers['ce-specversion'] !== undefined) {
    const id = headers['ce-id'];
    if (id === undefined || id === '') {
      throw new CallerError('The CloudEvent has no id: header ce-id is missing.', { field: 'ce-id' });
    }
    return eventRequest(body, eventKey(headers['ce-source'], id));
  }
  const structured = StructuredEvent.safeParse(body);
  if (structured.success) {
    const { data, data_base64: encoded, id, source } = structured.data;
    return eventRequest(encoded === undefined ? data : decode(encoded, 'data_base64'), eventKey(source, id));
  }
  if (isObject(body) && 'message' in body && 'subscription' in body) {
    return pushRequest(body);
  }
  const job = headers['x-cloudscheduler-jobname'];
  if (headers['x-cloudscheduler'] !== undefined || job !== undefined) {
    const time = headers['x-cloudscheduler-scheduletime'];
    return plainRequest(body, 'schedule', time === undefined ? undefined : `schedule:${job ?? ''}:${time}`);
  }
  return plainRequest(body, 'manual', nonEmpty(headers['idempotency-key']));
}

function parseBody(body: string): unknown {
  if (body.trim() === '') {
    return {};
  }
  try {
    return JSON.parse(body) as unknown;
  } catch (error) {
    throw new CallerError(`The body is not JSON: ${error instanceof Error ? error.message : ''}.`, {
      field: 'body',
      remedy: 'Send {"scope": {...}, "dry_run": true}, or nothing.',
    });
  }
}

/** Only source and id together are unique: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#id */
function eventKey(source: string | undefined, id: string): string {
  return `${source ?? ''} ${id}`;
}

/** An empty id would make every delivery a repeat of the first. */
function nonEmpty(id: string | undefined): string | undefined {
  return id === undefined || id.trim() === '' ? undefined : id;
}

function eventRequest(data: unknown, id: string): DutyRequest {
  // Pub/Sub through Eventarc wraps its message into the event's data.
  if (isObject(data) && 'message' in data) {
    return { ...pushRequest(data), trigger: 'event' };
  }
  return plainRequest(data ?? {}, 'event', `event:${id}`);
}

function pushRequest(body: unknown): DutyRequest {
  const envelope = PushEnvelope.safeParse(body);
  if (!envelope.success) {
    throw wrong(envelope.error, '');
  }
  const { message } = envelope.data;
  const id = nonEmpty(message.attributes?.['id']) ?? message.messageId ?? message.message_id;
  const data = message.data === undefined || message.data === '' ? {} : decode(message.data, 'message.data');
  return plainRequest(data, 'push', id === undefined ? undefined : `push:${id}`);
}

function decode(encoded: string, field: string): unknown {
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  try {
    return JSON.parse(decoded) as unknown;
  } catch {
    throw new CallerError(`${field} is not base64 of JSON.`, { field });
  }
}

function plainRequest(body: unknown, trigger: TriggerKind, deliveryId: string | undefined): DutyRequest {
  const parsed = Request.safeParse(body);
  if (!parsed.success) {
    throw wrong(parsed.error, '');
  }
  const { scope, events = [], dry_run: dryRun = false } = parsed.data;
  return { scope, events, dryRun, trigger, deliveryId };
}

const EventHint = z.looseObject({ event: z.string().regex(/^event-[a-z0-9-]{1,31}-[0-9a-f]{40}$/) });

/** The id of the event that was handed on with a push; undefined for everything else that may drive. */
export function readEventId(incoming: Incoming): string | undefined {
  try {
    const envelope = PushEnvelope.safeParse(parseBody(incoming.body));
    const { data } = envelope.success ? envelope.data.message : {};
    return data === undefined ? undefined : EventHint.safeParse(decode(data, 'message.data')).data?.event;
  } catch (error) {
    if (error instanceof CallerError) {
      return undefined;
    }
    throw error;
  }
}

function wrong(error: z.ZodError, prefix: string): CallerError {
  const issue = error.issues[0];
  const unknownKey = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = [
    ...(prefix === '' ? [] : [prefix]),
    ...(issue?.path.map(String) ?? []),
    ...(unknownKey === undefined ? [] : [unknownKey]),
  ];
  const field = path.join('.').slice(0, LONGEST_FIELD) || 'body';
  return new CallerError(
    `${field}: ${unknownKey === undefined ? (issue?.message ?? 'is not valid') : 'is not a known field'}.`,
    {
      field,
      remedy: 'Known fields are scope, events and dry_run.',
    },
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
