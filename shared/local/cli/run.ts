// `nightshift run <duty>`: one run from the command line. With --dry-run it changes nothing and needs no policy file.
import type { Command } from 'commander';
import { CallerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { CanonicalReport } from '../../core/report.ts';
import { renderTable } from '../../core/table.ts';
import { runDuty, type RunResult } from '../../runtime/run.ts';
import { scopeKey } from '../../runtime/scope.ts';
import { policyScopes } from '../../runtime/http.ts';
import { findDuties, findDuty } from '../duties.ts';
import { namedScope, type ScopeFlags } from './scope-flags.ts';
import { openSystem, type PolicyFlags } from './system.ts';
import type { Terminal } from './terminal.ts';

type RunFlags = PolicyFlags & ScopeFlags & { readonly dryRun?: boolean; readonly json?: boolean };

export function registerRun(program: Command, terminal: Terminal): void {
  program
    .command('run')
    .description('Run one duty now, for the scopes of the policy or the one that is named')
    .argument('<duty>', 'name of the duty, such as rebalance')
    .option('--cluster <name>', 'cluster of the policy; may be left out when there is one')
    .option('--namespace <name>', 'namespace')
    .option('--workspace <name>', 'workspace of Bitbucket; the one of the policy when it is left out')
    .option('--repository <name>', 'repository of the workspace, for duties that look at one')
    .option('--scope <field=value...>', 'scope of any duty, such as cluster=prod namespace=shop; also as JSON')
    .option('--dry-run', 'read and decide, change and tell nothing')
    .option('--policy <file>', 'policy file (NIGHTSHIFT_POLICY)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--metrics-url <url>', 'address of VictoriaMetrics or Prometheus')
    .option('--metrics-selector <matchers>', 'label matchers of this cluster\'s series, such as cluster="prod"')
    .option('--now <iso>', 'decide as of this time; dry runs only')
    .option('--json', 'print the canonical report on stdout')
    .action(async (name: string, flags: RunFlags & { now?: string }) => {
      terminal.exitCode = await run(terminal, name, flags);
    });
}

async function run(terminal: Terminal, name: string, flags: RunFlags & { now?: string }): Promise<number> {
  const found = findDuty(await findDuties(), name);
  const dryRun = flags.dryRun === true;
  const now = parseNow(flags.now, dryRun);
  const system = await openSystem(terminal, flags, { dryRun, now });
  try {
    const ready = system.ready(found);
    const { clusters, surroundings } = system;
    const workspace = surroundings.team.ci?.bitbucket.workspace;
    const named = namedScope(flags, found.duty.scope, { clusters, workspace });
    const scopes = named === undefined ? policyScopes(ready) : [named];
    const results: RunResult[] = [];
    for (const scope of scopes) {
      results.push(
        await runDuty(ready.surroundings, ready.duty, ready.policy, {
          scope,
          dryRun,
          trigger: 'manual',
          timeoutSeconds: ready.manifest.timeoutSeconds,
          progress: (message) => {
            terminal.progress(`${scopeKey(scope)}: ${message}`);
          },
          ...(now === undefined ? {} : { now }),
        }),
      );
    }
    terminal.progressDone();
    const [only] = results;
    if (flags.json === true) {
      const bodies = results.map(jsonOf);
      terminal.print(
        JSON.stringify(results.length === 1 && only !== undefined ? jsonOf(only) : { reports: bodies }, undefined, 2),
      );
    } else {
      for (const result of results) {
        terminal.print(textOf(result, terminal.columns));
      }
    }
    return results.some((result) => result.kind !== 'busy' && result.report.run.result === 'refused') ? 1 : 0;
  } finally {
    await system.close();
  }
}

function parseNow(now: string | undefined, dryRun: boolean): string | undefined {
  if (now === undefined) {
    return undefined;
  }
  if (!dryRun) {
    throw new CallerError('--now decides as of another time, which is for dry runs only.', {
      field: '--now',
      remedy: 'Add --dry-run.',
    });
  }
  const time = Date.parse(now);
  if (Number.isNaN(time)) {
    throw new CallerError(`--now ${now} is not an ISO time.`, {
      field: '--now',
      remedy: 'Write it as 2026-11-21T09:00:00Z.',
    });
  }
  return new Date(time).toISOString();
}

function jsonOf(result: RunResult): object {
  return result.kind === 'busy' ? { result: 'busy', run: result.runId, until: result.until } : result.report;
}

function textOf(result: RunResult, columns: number): string {
  if (result.kind === 'busy') {
    return `Run ${result.runId} is at work on this scope (until ${result.until} at the latest). Nothing was done.`;
  }
  return renderReport(result.report, columns);
}

/** A report for a terminal: what is wrong, the table of verdicts, what was changed, what was sent. */
export function renderReport(report: CanonicalReport, columns: number): string {
  const parts: string[] = [];
  const { run } = report;
  parts.push(
    `${run.duty} of ${scopeKey(run.scope)} at ${run.now}${run.dry_run ? ' (dry run: nothing is changed)' : ''}, run ${run.id}`,
  );
  if (run.paused !== undefined) {
    parts.push(`PAUSED: ${run.paused}`);
  }
  for (const problem of run.problems) {
    parts.push(`PROBLEM: ${problem.message}`);
  }
  if (run.result === 'refused') {
    parts.push('The run was refused: nothing was changed.');
  }
  parts.push(
    renderTable(
      ['subject', 'verdict', 'rule', 'reason'],
      report.decisions.map((decision) => [
        Object.entries(decision.subject)
          .filter(([key]) => run.scope[key] === undefined)
          .map(([, value]) => value)
          .join('/'),
        decision.verdict,
        decision.rule.slice(decision.rule.indexOf('/') + 1),
        decision.reason,
      ]),
      { maxWidth: columns },
    ),
  );
  if (report.actions.length > 0) {
    parts.push('Changes:');
    parts.push(
      renderTable(
        ['outcome', 'action', 'change', 'detail'],
        report.actions.map((action) => [
          action.outcome,
          action.kind,
          `${sizes(action.from)} → ${sizes(action.to)}`,
          action.detail,
        ]),
        { maxWidth: columns },
      ),
    );
  }
  if (report.deliveries.length > 0) {
    parts.push('Told:');
    parts.push(
      renderTable(
        ['what', 'state', 'where'],
        report.deliveries.map((delivery) => [delivery.kind, delivery.state, delivery.url ?? delivery.detail ?? '']),
        { maxWidth: columns },
      ),
    );
  }
  const counts = { act: 0, escalate: 0, skip: 0 } as Record<string, number>;
  for (const decision of report.decisions) {
    counts[decision.verdict] = (counts[decision.verdict] ?? 0) + 1;
  }
  parts.push(
    `${String(counts['act'])} to act, ${String(counts['escalate'])} to escalate, ${String(counts['skip'])} skipped.`,
  );
  return parts.join('\n\n');
}

function sizes(change: JsonObject): string {
  return Object.entries(change)
    .flatMap(([list, values]) =>
      typeof values === 'object' && values !== null
        ? Object.entries(values).map(([name, value]) => `${name} ${list.replace(/s$/, '')} ${String(value)}`)
        : [`${list} ${String(values)}`],
    )
    .join(', ');
}
