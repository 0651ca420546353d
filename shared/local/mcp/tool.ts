// What a tool of our MCP server is, and what it works with. Says nothing of the protocol.
import { z } from 'zod';
import type { GrantKind } from '../../core/policy-mcp.ts';
import type { ReadyDuty } from '../../runtime/http.ts';
import type { Surroundings } from '../../runtime/context.ts';

/** Who calls, and how far it may go. */
export interface Caller {
  /** As the journal names it, such as `mcp:kagent`. */
  readonly by: string;
  readonly grant: GrantKind;
  /** Whether the channel hears of its changes. */
  readonly tell: boolean;
}

/** As policy names a caller: without what tells the journal that it came over MCP. */
export function callerName(by: string): string {
  return by.replace(/^mcp:/, '');
}

export interface ToolContext {
  readonly surroundings: Surroundings;
  readonly caller: Caller;
  readonly duties: readonly ReadyDuty[];
  /** Where a pod is looked for when its namespace or cluster is not said; undefined where that has to be said. */
  readonly cluster: string | undefined;
  readonly namespace: string | undefined;
  /** The caller's own name of this effect. */
  readonly marker: string | undefined;
}

export interface Tool {
  /** Dotted; another spelling is the server's business. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly needs: GrantKind;
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  readonly readOnly: boolean;
  /** May take something away or break it; only where it is not read-only. */
  readonly destructive: boolean;
  /** A second call with the same arguments changes nothing more. */
  readonly idempotent: boolean;
  /** Reaches systems outside of this process. */
  readonly openWorld: boolean;
  readonly takesMarker: boolean;
  readonly run: (context: ToolContext, input: never) => Promise<object>;
}

type Hints = 'readOnly' | 'destructive' | 'idempotent' | 'openWorld' | 'takesMarker';

/** Keeps the types of a tool's parts together. What is not said of it is what a tool that only reads the platform is. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Omit<Tool, 'input' | 'output' | 'run' | 'needs' | Hints> &
    Partial<Pick<Tool, 'needs' | Hints>> & {
      readonly input: Input;
      readonly output: Output;
      readonly run: (context: ToolContext, input: z.output<Input>) => Promise<z.input<Output>>;
    },
): Tool {
  return {
    needs: 'read',
    readOnly: true,
    destructive: false,
    idempotent: true,
    openWorld: true,
    takesMarker: false,
    ...tool,
  } as Tool;
}

/** A name as Kubernetes has it. Anything else never becomes a part of an address. */
export const KubernetesName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'is no name of Kubernetes, such as checkout-7d9f');
