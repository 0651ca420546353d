// Jira's own words about a failure, and what to do about it. No status or transport here: that is the HTTP call's.
import { z } from 'zod';
import type { ErrorText } from '../http/failure.ts';

const ErrorCollection = z.lazy(() =>
  z.looseObject({
    errorMessages: z.array(z.string()).optional(),
    errors: z.record(z.string(), z.string()).optional(),
    message: z.string().optional(),
  }),
);

const MOST_FIELDS = 5;

/** The messages, and each wrong field with its reason. `remedy` is for a refusal that names no field. */
export function errorText(body: unknown, remedy: string | undefined): ErrorText | undefined {
  const told = ErrorCollection.safeParse(body);
  if (!told.success) {
    return undefined;
  }
  const { errorMessages = [], errors = {}, message } = told.data;
  const fields = Object.entries(errors);
  const parts = [
    ...errorMessages,
    ...(message === undefined ? [] : [message]),
    ...fields.slice(0, MOST_FIELDS).map(([field, why]) => `${field}: ${why}`),
    ...(fields.length > MOST_FIELDS ? [`and ${fields.length - MOST_FIELDS} more fields`] : []),
  ];
  const whatToDo = remedyOf(errors) ?? remedy;
  return parts.length === 0
    ? undefined
    : { text: parts.join('; '), ...(whatToDo === undefined ? {} : { remedy: whatToDo }) };
}

function remedyOf(errors: Readonly<Record<string, string>>): string | undefined {
  const names = Object.keys(errors);
  if (names.includes('project')) {
    return 'Check the project key under tracker.jira in the policy, and that the account may create issues there.';
  }
  if (names.includes('issuetype')) {
    return 'Set an issue type that the project has under tracker.jira in the policy.';
  }
  const required = names.filter((name) => /required|must specify/i.test(errors[name] ?? ''));
  if (required.length > 0) {
    return `Make ${required.join(', ')} optional for this issue type in Jira, or set another issue type under tracker.jira in the policy.`;
  }
  return names.length === 0
    ? undefined
    : `Check that Jira lets ${names.join(', ')} be set on this screen of the issue type.`;
}

/** For 401 and 403. */
export function credentialsRemedy(permission: string | undefined): string {
  const token =
    'Check JIRA_EMAIL and JIRA_API_TOKEN; tokens expire after at most a year (id.atlassian.com, Security, API tokens)';
  return permission === undefined
    ? `${token}.`
    : `${token}, and that the account has the permission "${permission}" in the project.`;
}
