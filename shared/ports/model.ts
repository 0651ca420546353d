// The team's language model: one short call bound to a JSON schema. It has no tools, sees no write and decides nothing (law 9).
import type { JsonObject } from '../core/json.ts';

/** What a call is for: policy names a model for each. */
export type ModelTask = 'summary' | 'analysis';

export interface ModelMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ModelRequest {
  readonly task: ModelTask;
  readonly messages: readonly ModelMessage[];
  /** JSON Schema that the reply is bound to. */
  readonly schema: JsonObject;
  /** Tokens that the messages are estimated to take, and the most that the reply may. */
  readonly promptTokens: number;
  readonly replyTokens: number;
  /** For the whole call, the loading of the model included. */
  readonly deadlineSeconds: number;
}

export interface ModelReply {
  /** As it came, at most some tens of kilobytes: whether it fits the schema is for the caller to check. */
  readonly text: string;
  /** The model's name, such as `qwen2.5:1.5b`. */
  readonly model: string;
  /** As the server counted them; `null` where it did not tell. */
  readonly promptTokens: number | null;
  readonly replyTokens: number | null;
  readonly loadSeconds: number | null;
  readonly promptSeconds: number | null;
  readonly replySeconds: number | null;
}

export interface Model {
  /** Fails with a PlatformError: no server, a model that is not there, no time left, a reply that broke off. */
  ask(request: ModelRequest): Promise<ModelReply>;
  /** The name of the model that serves a task. */
  nameFor(task: ModelTask): string;
  /** Version of the server, and the names of the models that it has. */
  installed(): Promise<{ readonly version: string; readonly models: readonly string[] }>;
}
