// Who sends events from outside without a Google identity, and how it is known that they are really from there. No code.
import type { JsonObject } from '../core/json.ts';

/** A request as it arrived: a signature is over the body as it was sent, not over what it means. */
export interface SenderRequest {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export type CheckedRequest =
  /** `deliveryId` is the same for every repeat of one delivery; `event` is what of it matters, in our words. */
  | { readonly verdict: 'event'; readonly deliveryId: string; readonly event: JsonObject }
  /** A question of the sender itself, such as whether the address is ours: answered, not stored. */
  | { readonly verdict: 'reply'; readonly body: JsonObject }
  /** From the sender, and of a kind that nobody here waits for. */
  | { readonly verdict: 'ignored'; readonly why: string }
  /** Not from the sender, or nobody can tell. `why` is for the log, never for the answer. */
  | { readonly verdict: 'refused'; readonly why: string };

/** One system that sends events. */
export interface Sender {
  /** Checks the signature before it looks at anything else. A CallerError for what is signed and makes no sense. */
  verify(request: SenderRequest, now: Date): CheckedRequest;
}

/** An event from a sender whom a connection that we opened vouches for. */
export interface TakenEvent {
  readonly deliveryId: string;
  readonly event: JsonObject;
}

/** Events over a connection that we open, where nobody outside can reach us. */
export interface EventSocket {
  /** Listens until `signal` fires, connecting anew whenever the connection ends. `take` resolves once the event is stored. Never throws. */
  listen(take: (event: TakenEvent) => Promise<void>, signal: AbortSignal): Promise<void>;
}
