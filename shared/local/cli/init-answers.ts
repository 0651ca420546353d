// What `nightshift init` has to know, from flags or from a person, each answer checked by the policy's own schema.
import { z } from 'zod';
import { isPlainHttpUrl } from '../../config/settings.ts';
import { CallerError } from '../../core/errors.ts';
import { secretMasker } from '../../core/mask.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import { TeamPolicy } from '../../core/policy.ts';
import { checkSelector } from '../../core/promql.ts';

/** The flags as the command line gives them, unchecked. */
export interface InitFlags {
  readonly cluster?: string;
  readonly context?: string;
  readonly gke?: string;
  readonly metricsUrl?: string;
  readonly metricsSelector?: string;
  readonly namespace?: readonly string[];
  readonly slackChannel?: string;
  readonly bitbucketWorkspace?: string;
  readonly jiraUrl?: string;
  readonly jiraProject?: string;
  readonly timezone?: string;
}

/** A cluster that is looked after. */
export interface WatchedCluster {
  readonly cluster: string;
  readonly context: string | undefined;
  readonly gke: { readonly project: string; readonly location: string; readonly cluster: string } | undefined;
  readonly metricsUrl: string;
  readonly metricsSelector: string | undefined;
  readonly namespaces: readonly string[];
}

export interface Answers {
  /** Absent for a team that has pipelines looked after, and no cluster. */
  readonly watched: WatchedCluster | undefined;
  readonly bitbucketWorkspace: string | undefined;
  readonly slackChannel: string | undefined;
  readonly jiraUrl: string | undefined;
  readonly jiraProject: string | undefined;
  readonly timezone: string | undefined;
}

/** Somebody who answers; what the kubeconfig offers is shown to them. */
export interface Person {
  ask(question: string): Promise<string>;
  readonly contexts: { readonly names: readonly string[]; readonly current: string | undefined };
}

interface Question {
  readonly flag: string;
  readonly words: string;
  readonly schema: z.ZodType<string>;
  /** Taken when the person just presses return, or when nobody is asked. */
  readonly fallback?: string;
  readonly isNeeded: boolean;
}

const jira = TeamPolicy.shape.tracker.unwrap().shape.jira.shape;
const slack = TeamPolicy.shape.chat.unwrap().shape.slack.shape;
const bitbucket = TeamPolicy.shape.ci.unwrap().shape.bitbucket.shape;
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function namesIn(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((one) => one !== '');
}

const selector = z.string().superRefine((text, context) => {
  const wrong = checkSelector(text);
  if (wrong !== undefined) {
    context.addIssue(wrong);
  }
});

const httpAddress = z.string().refine(isPlainHttpUrl, 'an http:// or https:// address without user or password');

const QUESTIONS = {
  context: {
    flag: '--context',
    words: 'Context of the kubeconfig',
    schema: z.string().min(1),
    isNeeded: false,
  },
  gke: {
    flag: '--gke',
    words: 'GKE cluster that deployed functions reach with their own identity, as project/location/cluster',
    schema: z
      .string()
      .regex(/^[a-z0-9.:-]+(\/[a-z0-9-]+){2}$/, 'project/location/cluster, such as shop-prod/europe-west3/prod'),
    isNeeded: false,
  },
  cluster: {
    flag: '--cluster',
    words: 'What do you call this cluster?',
    schema: z.string().min(1).max(253),
    fallback: 'default',
    isNeeded: true,
  },
  metricsUrl: {
    flag: '--metrics-url',
    words: 'Address of VictoriaMetrics or Prometheus, such as http://127.0.0.1:8428',
    schema: httpAddress,
    isNeeded: true,
  },
  metricsSelector: {
    flag: '--metrics-selector',
    words: 'Label matchers of this cluster\'s series, such as cluster="prod" (return: the store holds one cluster)',
    schema: selector,
    isNeeded: false,
  },
  namespace: {
    flag: '--namespace',
    words: 'Namespaces to look after, with spaces between them',
    schema: z
      .string()
      .refine(
        (text) => namesIn(text).length > 0 && namesIn(text).every((one) => DNS_LABEL.test(one)),
        'names of a-z, 0-9 and -, at most 63 characters each',
      ),
    isNeeded: true,
  },
  slackChannel: {
    flag: '--slack-channel',
    words: 'Slack channel for reports, such as #ops (return: none)',
    schema: slack.channel,
    isNeeded: false,
  },
  bitbucketWorkspace: {
    flag: '--bitbucket-workspace',
    words: 'Workspace of Bitbucket whose pipelines are looked after, as it stands in addresses (return: none)',
    schema: bitbucket.workspace,
    isNeeded: false,
  },
  hasCluster: {
    flag: '--cluster',
    words: 'Is there a Kubernetes cluster to look after too? yes or no',
    schema: z.string().regex(/^(y|yes|n|no)$/i, 'yes or no'),
    fallback: 'yes',
    isNeeded: true,
  },
  jiraUrl: {
    flag: '--jira-url',
    words: 'Address of the Jira site for escalations (return: none)',
    schema: httpAddress,
    isNeeded: false,
  },
  jiraProject: {
    flag: '--jira-project',
    words: 'Key of the Jira project',
    schema: jira.project,
    isNeeded: true,
  },
  timezone: {
    flag: '--timezone',
    words: 'Time zone for windows',
    schema: TeamPolicy.shape.timezone.unwrap(),
    fallback: 'UTC',
    isNeeded: false,
  },
} as const satisfies Readonly<Record<string, Question>>;

/** Flags first; what they leave open is asked of the person, or missed with the name of its flag. */
export async function completeAnswers(flags: InitFlags, person: Person | undefined): Promise<Answers> {
  const bitbucketWorkspace = await answerTo(QUESTIONS.bitbucketWorkspace, flags.bitbucketWorkspace, person);
  const watched = (await hasCluster(flags, person, bitbucketWorkspace))
    ? await watchedCluster(flags, person)
    : undefined;
  const slackChannel = await answerTo(QUESTIONS.slackChannel, flags.slackChannel, person);
  const jiraUrl = await answerTo(
    { ...QUESTIONS.jiraUrl, isNeeded: flags.jiraProject !== undefined },
    flags.jiraUrl,
    person,
  );
  const jiraProject =
    jiraUrl === undefined ? undefined : await answerTo(QUESTIONS.jiraProject, flags.jiraProject, person);
  const timezone = await answerTo(QUESTIONS.timezone, flags.timezone, person);
  return { watched, bitbucketWorkspace, slackChannel, jiraUrl, jiraProject, timezone };
}

/** Always, unless pipelines are looked after and nothing is said of a cluster. */
async function hasCluster(
  flags: InitFlags,
  person: Person | undefined,
  workspace: string | undefined,
): Promise<boolean> {
  const { cluster, context, gke, metricsUrl, metricsSelector, namespace } = flags;
  const isSaid = [cluster, context, gke, metricsUrl, metricsSelector, namespace].some((flag) => flag !== undefined);
  if (workspace === undefined || isSaid) {
    return true;
  }
  return person !== undefined && /^y/i.test(needed(await asked(QUESTIONS.hasCluster, person)));
}

async function watchedCluster(flags: InitFlags, person: Person | undefined): Promise<WatchedCluster> {
  if (flags.gke !== undefined && flags.context !== undefined) {
    throw new CallerError('--gke and --context are two ways into one cluster: give one of them.', { field: '--gke' });
  }
  const [project = '', location = '', name = ''] =
    (await answerTo(QUESTIONS.gke, flags.gke, undefined))?.split('/') ?? [];
  const gke = flags.gke === undefined ? undefined : { project, location, cluster: name };
  const context = gke === undefined ? await answerTo(contextQuestion(person), flags.context, person) : undefined;
  const cluster = await answerTo(
    { ...QUESTIONS.cluster, fallback: context ?? QUESTIONS.cluster.fallback },
    flags.cluster,
    person,
  );
  const metricsUrl = await answerTo(QUESTIONS.metricsUrl, flags.metricsUrl, person);
  const metricsSelector = await answerTo(QUESTIONS.metricsSelector, flags.metricsSelector, person);
  const namespaces = await answerTo(QUESTIONS.namespace, flags.namespace?.join(' '), person);
  return {
    cluster: needed(cluster),
    context,
    gke,
    metricsUrl: needed(metricsUrl),
    metricsSelector: metricsSelector === '' ? undefined : metricsSelector,
    namespaces: [...new Set(namesIn(needed(namespaces)))],
  };
}

function contextQuestion(person: Person | undefined): Question {
  const { names = [], current } = person?.contexts ?? {};
  return {
    ...QUESTIONS.context,
    words:
      names.length === 0
        ? 'Context of the kubeconfig (return: the current one)'
        : `Context of the kubeconfig: ${names.join(', ')}`,
    ...(current === undefined ? {} : { fallback: current }),
  };
}

async function answerTo(
  question: Question,
  flag: string | undefined,
  person: Person | undefined,
): Promise<string | undefined> {
  if (flag !== undefined) {
    return required(question, flag);
  }
  if (person === undefined) {
    if (question.isNeeded && question.fallback === undefined) {
      throw missing(question);
    }
    // The context stays open: the current one may be another tomorrow, and that is what nobody asked to fix.
    return question.isNeeded ? question.fallback : undefined;
  }
  return asked(question, person);
}

async function asked(question: Question, person: Person): Promise<string | undefined> {
  const { words, fallback } = question;
  let complaint = '';
  for (;;) {
    const shown = fallback === undefined ? words : `${words} [${fallback}]`;
    const typed = (await person.ask(`${complaint}${shown}: `)).trim();
    const answer = typed === '' ? fallback : typed;
    if (answer === undefined) {
      if (!question.isNeeded) {
        return undefined;
      }
      continue;
    }
    const wrong = problemOf(question, answer);
    if (wrong === undefined) {
      return answer;
    }
    complaint = `${wrong}\n`;
  }
}

/** An address may have been given with its password. */
const maskShown = secretMasker([]);

function problemOf(question: Question, answer: string): string | undefined {
  const parsed = question.schema.safeParse(answer);
  return parsed.success
    ? undefined
    : `${question.flag}: expected ${parsed.error.issues[0]?.message ?? 'another value'}, got ${JSON.stringify(maskShown(answer))}.`;
}

function required(question: Question, answer: string): string {
  const wrong = problemOf(question, answer);
  if (wrong !== undefined) {
    throw new CallerError(wrong, { field: question.flag });
  }
  return answer;
}

function missing({ flag, words }: Question): CallerError {
  return new CallerError(`${flag} is missing.`, { field: flag, remedy: `It says: ${words}.` });
}

function needed(answer: string | undefined): string {
  if (answer === undefined) {
    throw new RangeError('A needed answer is missing.');
  }
  return answer;
}

/** The answers at their places in the policy; what was not answered is left out. */
export function policyValues(answers: Answers, duties: readonly string[]): JsonObject {
  const { watched, bitbucketWorkspace, slackChannel, jiraUrl, jiraProject } = answers;
  return {
    version: 1,
    ...(answers.timezone === undefined ? {} : { timezone: answers.timezone }),
    ...(watched === undefined ? {} : { clusters: clusterValues(watched) }),
    ...(slackChannel === undefined ? {} : { chat: { slack: { channel: slackChannel } } }),
    ...(jiraUrl === undefined || jiraProject === undefined
      ? {}
      : { tracker: { jira: { url: jiraUrl, project: jiraProject } } }),
    ...(bitbucketWorkspace === undefined ? {} : { ci: { bitbucket: { workspace: bitbucketWorkspace } } }),
    ...(watched === undefined
      ? {}
      : { duties: Object.fromEntries(duties.map((duty) => [duty, scopeValues(watched)])) }),
  };
}

function clusterValues({ cluster, context, gke, metricsUrl, metricsSelector }: WatchedCluster): JsonObject {
  return {
    [cluster]: {
      ...(context === undefined ? {} : { context }),
      ...(gke === undefined ? {} : { gke }),
      metrics: { url: metricsUrl, ...(metricsSelector === undefined ? {} : { selector: metricsSelector }) },
    },
  };
}

function scopeValues({ cluster, namespaces }: WatchedCluster): JsonObject {
  return { scopes: [{ cluster, namespaces }] satisfies Json };
}
