// `nightshift mcp`: our tools for one client over stdin and stdout, until it closes its end. Everything else goes to stderr.
import { userInfo } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { serveMcpStdio } from '../../adapters/mcp/server.ts';
import { readEnvironment } from '../../config/environment.ts';
import { CallerError } from '../../core/errors.ts';
import { GrantKind } from '../../core/policy-mcp.ts';
import { findDuties } from '../duties.ts';
import { usualPlace } from '../mcp/place.ts';
import { toolServer, type ToolNames } from '../mcp/server.ts';
import type { ToolContext } from '../mcp/tool.ts';
import { acceptTools } from '../../wiring/mcp.ts';
import { openSystem, type PolicyFlags } from './system.ts';
import type { Terminal } from './terminal.ts';

interface McpFlags extends PolicyFlags {
  readonly grant: string;
  readonly toolNames: string;
  readonly tell: boolean;
  readonly scenario?: string;
}

/** What a tool needs of a running system, and how it ends. */
interface Opened {
  readonly context: Omit<ToolContext, 'marker' | 'caller'>;
  close(): Promise<void>;
}

export function registerMcp(program: Command, terminal: Terminal): void {
  const mcp = program
    .command('mcp')
    .description('Serve our tools over the Model Context Protocol on stdin and stdout')
    .option('--grant <kind>', 'what the client may do: read, propose or act', 'read')
    .option('--tool-names <style>', 'dotted, or underscore for clients that refuse dots', 'dotted')
    .option('--no-tell', 'the channel is not told of each change: the client reports by itself')
    .option(
      '--scenario <folder>',
      'serve a scenario in place of the real platform, such as fixtures/rebalance/challenge',
    )
    .option('--policy <file>', 'policy file (NIGHTSHIFT_POLICY)')
    .option('--cluster <name>', 'cluster of pods for which none is named')
    .option('--namespace <name>', 'namespace of pods for which none is named')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--metrics-url <url>', 'address of VictoriaMetrics or Prometheus')
    .option('--metrics-selector <matchers>', 'label matchers of this cluster\'s series, such as cluster="prod"')
    .action(async (flags: McpFlags) => {
      await serve(terminal, flags);
    });
  mcp
    .command('accept')
    .description('Take the tools of the MCP servers that the policy names as they describe themselves now')
    .action(async (_flags: object, command: Command) => {
      // --policy is an option of both, and the outer command takes it.
      await accept(terminal, command.optsWithGlobals<{ policy?: string }>());
    });
}

async function accept(terminal: Terminal, flags: { policy?: string }): Promise<void> {
  const system = await openSystem(terminal, flags, { dryRun: false, now: undefined });
  try {
    const { ports, team } = system.surroundings;
    const servers = await acceptTools(ports.store, team);
    terminal.print(
      servers.length === 0
        ? 'No tools were seen yet.'
        : `Accepted as they are at the next run: the tools of ${servers.join(', ')}.`,
    );
  } finally {
    await system.close();
  }
}

async function serve(terminal: Terminal, flags: McpFlags): Promise<void> {
  const grant = checkedGrant(flags.grant);
  const toolNames = checkedNames(flags.toolNames);
  // Only the protocol may be on stdout: a person's words go to stderr.
  const quiet: Terminal = {
    ...terminal,
    isInteractive: false,
    print: (text) => {
      terminal.warn(text);
    },
  };
  const opened = flags.scenario === undefined ? await openReal(quiet, flags) : await openPlayed(flags.scenario, flags);
  try {
    const caller = { by: `mcp:${userInfo().username}`, grant, tell: flags.tell };
    const tools = toolServer({ ...opened.context, caller }, { version: packageJson.version, toolNames });
    const { log } = opened.context.surroundings;
    const serving = await serveMcpStdio(tools, { input: process.stdin, output: process.stdout }, (error) => {
      log.warn({ error }, 'an MCP message was not as it should be');
    });
    const stop = new Promise<void>((resolve) => {
      process.once('SIGTERM', resolve).once('SIGINT', resolve);
    });
    await Promise.race([serving.closed, stop]);
    await serving.close();
  } finally {
    await opened.close();
  }
}

async function openReal(terminal: Terminal, flags: McpFlags): Promise<Opened> {
  const dryRun = (flags.policy ?? readEnvironment().policy) === undefined;
  // Without a policy the defaults of every rule are used, as for a dry run; its modes let nothing change.
  const system = await openSystem(terminal, flags, { dryRun, now: undefined });
  const duties = (await findDuties()).map((found) => system.ready(found));
  return {
    context: { surroundings: system.surroundings, duties, ...usualPlace(system.surroundings.team, duties, flags) },
    close: () => system.close(),
  };
}

/** The embedded platform by the scenario's own clock: the same calls get the same answers. */
async function openPlayed(folder: string, flags: McpFlags): Promise<Opened> {
  // Loaded only here: what is installed for the real platform does without fixtures.
  const [{ loadScenario }, { openScenario }] = await Promise.all([
    import('../../../fixtures/platform/scenario.ts'),
    import('../scenario.ts'),
  ]);
  const full = path.resolve(folder);
  const running = await openScenario(loadScenario(full), {
    duty: path.basename(path.dirname(full)),
    write: (line) => {
      process.stderr.write(line);
    },
  });
  const { surroundings } = running.ready;
  const { cluster, namespace } = running.scenario.case.scope;
  return {
    context: {
      surroundings,
      duties: [running.ready],
      cluster: flags.cluster ?? cluster,
      namespace: flags.namespace ?? namespace,
    },
    close: () => running.close(),
  };
}

function checkedGrant(text: string): GrantKind {
  const parsed = GrantKind.safeParse(text);
  if (!parsed.success) {
    throw new CallerError(`--grant ${text} is none of ${GrantKind.options.join(', ')}.`, { field: '--grant' });
  }
  return parsed.data;
}

function checkedNames(text: string): ToolNames {
  if (text !== 'dotted' && text !== 'underscore') {
    throw new CallerError(`--tool-names ${text} is neither dotted nor underscore.`, { field: '--tool-names' });
  }
  return text;
}
