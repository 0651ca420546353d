// Bitbucket's own words about a failure, and what to do about it. No status or transport here: that is the HTTP call's.
import { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import type { ErrorText } from '../http/failure.ts';

const ErrorReply = z.lazy(() =>
  z.looseObject({
    error: z.looseObject({
      message: z.string().optional(),
      detail: z.unknown().optional(),
      fields: z.record(z.string(), z.unknown()).optional(),
      data: z.looseObject({ key: z.string().optional() }).nullish(),
    }),
  }),
);

const MOST_FIELDS = 5;

/** The message with its detail and each wrong field. `remedy` is for a refusal that is about what was asked for. */
export function errorText(body: unknown, remedy: string | undefined): ErrorText | undefined {
  const told = ErrorReply.safeParse(body);
  if (!told.success) {
    return undefined;
  }
  const { message, detail, fields = {}, data } = told.data.error;
  const parts = [
    ...(message === undefined ? [] : [message]),
    ...(typeof detail === 'string' && detail !== message ? [detail] : []),
    ...Object.entries(fields)
      .slice(0, MOST_FIELDS)
      .map(([field, why]) => `${field}: ${Array.isArray(why) ? why.join(', ') : String(why)}`),
  ];
  return parts.length === 0
    ? undefined
    : {
        text: parts.join('; '),
        ...(data?.key === undefined ? {} : { code: data.key }),
        ...(remedy === undefined ? {} : { remedy }),
      };
}

/** For 401 and 403. */
export function credentialsRemedy(scope: string): string {
  return `Check BITBUCKET_ACCESS_TOKEN (a workspace or repository access token that has not expired) and that it has the scope ${scope}.`;
}

/** Whether Bitbucket said that the thing is not there (or not for us). */
export function isNotFound(error: unknown): boolean {
  return error instanceof PlatformError && error.failure.status === 404;
}
