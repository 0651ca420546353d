// Which escalations become issues, which a comment, and which are gathered in a digest: an outage must not fill the tracker.
import type { Escalation } from '../core/decision.ts';
import { paragraph, text } from '../core/document.ts';
import { fingerprintOf } from '../core/fingerprint.ts';
import { masked } from '../core/mask.ts';
import type { StoredDocument, Write } from '../ports/store.ts';
import type { RunContext } from './context.ts';
import { outboxWrite } from './outbox.ts';
import { type IssueEntry, type IssueState, type OutboxEntry, secondsAfter } from './outbox-entry.ts';

/** The same is said again after a day. */
export const REPEAT_SECONDS = 86_400;
/** Further new issues of one run go into one digest. */
const NEW_ISSUES_A_RUN = 5;
/** A commit takes 500 writes. What is over keeps its turn for the next run. */
const REPEATED_A_RUN = 50;
const COVERED_A_RUN = 150;
/** Titles that a digest spells out. */
const DIGEST_LINES = 200;

export interface IssueNews {
  readonly writes: readonly Write[];
  /** Fingerprints of the issues that a message may link to. */
  readonly linked: readonly string[];
}

/** The writes that hand issues for these escalations to the outbox; none where no tracker is configured. */
export async function issueWrites(context: RunContext, found: readonly Escalation[]): Promise<IssueNews> {
  const jira = context.team.tracker?.jira;
  if (jira === undefined) {
    return { writes: [], linked: [] };
  }
  const escalations = new Map(found.map((escalation) => [fingerprintOf(escalation.about), escalation]));
  const linked = [...escalations.keys()].sort();
  const states = new Map<string, StoredDocument<IssueState> | undefined>();
  for (const fingerprint of linked) {
    states.set(fingerprint, await context.ports.store.read<IssueState>('issues', fingerprint));
  }
  const known = (fingerprint: string): IssueState | undefined => states.get(fingerprint)?.data;
  const repeated = await notUnderWay(
    context,
    linked.filter((fingerprint) => isDue(known(fingerprint), context.now)).slice(0, REPEATED_A_RUN),
    known,
  );
  const fresh = linked.filter((fingerprint) => known(fingerprint) === undefined);
  const covered = [
    ...fresh.slice(NEW_ISSUES_A_RUN),
    ...linked.filter((fingerprint) => isCoveredAndDue(known(fingerprint), context.now)),
  ].slice(0, COVERED_A_RUN);
  const toTell = new Map(
    [...fresh.slice(0, NEW_ISSUES_A_RUN), ...repeated].map((one) => [one, escalations.get(one) as Escalation]),
  );
  const writes: Write[] = [];
  if (covered.length > 0) {
    const digest = digestOf(
      context,
      covered.map((one) => escalations.get(one) as Escalation),
    );
    const fingerprint = fingerprintOf(digest.about);
    toTell.set(fingerprint, digest);
    states.set(fingerprint, await context.ports.store.read<IssueState>('issues', fingerprint));
    for (const one of covered) {
      writes.push(touchWrite(states.get(one), { ...touched(context, one), digest: fingerprint }));
    }
  }
  for (const [fingerprint, escalation] of toTell) {
    const entry = issueEntry(context, jira, fingerprint, escalation);
    writes.push(
      outboxWrite(entry),
      touchWrite(states.get(fingerprint), { ...touched(context, fingerprint), entry: entry.id }),
    );
  }
  const told = new Set([...toTell.keys(), ...covered]);
  return { writes, linked: linked.filter((one) => told.has(one) || known(one) !== undefined) };
}

function touched(context: RunContext, fingerprint: string): IssueState {
  return { fingerprint, openedAt: context.now, touchedAt: context.now };
}

/** While the tracker is down one entry waits for each issue: a second one would say the same at the same time. */
async function notUnderWay(
  context: RunContext,
  fingerprints: readonly string[],
  known: (fingerprint: string) => IssueState | undefined,
): Promise<readonly string[]> {
  const free: string[] = [];
  for (const fingerprint of fingerprints) {
    const entry = known(fingerprint)?.entry;
    const last = entry === undefined ? undefined : await context.ports.store.read<OutboxEntry>('outbox', entry);
    if (last?.data.state !== 'pending') {
      free.push(fingerprint);
    }
  }
  return free;
}

/** An issue with a ticket of its own is commented at most once a day; one that a digest covers is told by the digest. */
function isDue(state: IssueState | undefined, now: string): boolean {
  return state !== undefined && state.digest === undefined && secondsAfter(state.touchedAt, REPEAT_SECONDS) <= now;
}

function isCoveredAndDue(state: IssueState | undefined, now: string): boolean {
  return state?.digest !== undefined && secondsAfter(state.touchedAt, REPEAT_SECONDS) <= now;
}

function touchWrite(before: StoredDocument<IssueState> | undefined, fresh: IssueState): Write {
  return before === undefined
    ? { op: 'create', collection: 'issues', id: fresh.fingerprint, data: fresh }
    : {
        op: 'replace',
        collection: 'issues',
        id: fresh.fingerprint,
        data: { ...before.data, touchedAt: fresh.touchedAt, ...(fresh.entry !== undefined && { entry: fresh.entry }) },
        version: before.version,
      };
}

function issueEntry(
  context: RunContext,
  jira: { project: string; issueType: string },
  fingerprint: string,
  escalation: Escalation,
): IssueEntry {
  const at = context.ports.clock.now().toISOString();
  return {
    id: `${context.runId}-issue-${fingerprint}`,
    kind: 'issue',
    runId: context.runId,
    createdAt: at,
    state: 'pending',
    dueAt: at,
    attempts: 0,
    draft: {
      project: jira.project,
      issueType: jira.issueType,
      fingerprint,
      title: context.mask(escalation.title),
      body: masked(context.mask, escalation.body),
      labels: [`nightshift-${context.duty}`],
    },
  };
}

function digestOf(context: RunContext, escalations: readonly Escalation[]): Escalation {
  return {
    about: { duty: context.duty, scope: context.scopeKey, digest: 'escalations' },
    title: `${context.duty}: ${String(escalations.length)} more findings in ${context.scopeKey}`,
    body: [
      paragraph(
        text(
          `More was found in one run than deserves issues of their own (${String(NEW_ISSUES_A_RUN)} a run): look for a common cause first.`,
        ),
      ),
      {
        kind: 'list',
        lines: [
          ...escalations.slice(0, DIGEST_LINES).map((escalation) => [text(escalation.title)]),
          ...(escalations.length > DIGEST_LINES ? [[text('and more, see the report of the run')]] : []),
        ],
      },
    ],
  };
}
