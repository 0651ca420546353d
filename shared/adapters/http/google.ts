// What Google's REST APIs have in common: their addresses, the words of their errors, and tokens of the identity that this process has
// (a service account, or a person who logged in). Knows no particular API.
import { z } from 'zod';
import { ConfigurationError, PlatformError } from '../../core/errors.ts';
import type { ErrorText } from './failure.ts';
import type * as Sdk from './sdk.ts';

/** The metadata server answers in milliseconds; a token endpoint that is slower than this is down. */
const TOKEN_DEADLINE_MILLISECONDS = 10_000;

export interface GoogleTokens {
  /** Good for a request that is sent now: renewed by itself some minutes before it ends. */
  accessToken(): Promise<string>;
  /** A token that says who we are to `audience`, an address of a function. */
  identityToken(audience: string): Promise<string>;
}

/** `base` has {api} where the name of the API stands, such as run. */
export function googleAddress(api: string, base: string): string {
  return base.replaceAll('{api}', api).replace(/\/+$/, '');
}

/**
 * Application Default Credentials; they are looked for at the first call. With a project Google's client does not look for one,
 * by a call of the metadata server or by running gcloud, which takes seconds.
 */
export function googleTokens(scope: string, project: string): GoogleTokens {
  type Auth = InstanceType<(typeof Sdk)['GoogleAuth']>;
  let pending: Promise<Auth> | undefined;
  const auth = (): Promise<Auth> =>
    (pending ??= import('./sdk.ts').then(({ GoogleAuth }) => new GoogleAuth({ scopes: [scope], projectId: project })));
  return {
    accessToken: () => token('access token', async () => (await auth()).getAccessToken()),
    identityToken: (audience) =>
      token('identity token', async () => {
        const client = await (await auth()).getIdTokenClient(audience);
        return client.idTokenProvider.fetchIdToken(audience);
      }),
  };
}

async function token(kind: string, ask: () => Promise<string | null | undefined>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${String(TOKEN_DEADLINE_MILLISECONDS / 1000)} s`));
    }, TOKEN_DEADLINE_MILLISECONDS);
  });
  try {
    const found = await Promise.race([ask(), late]);
    if (typeof found !== 'string' || found === '') {
      throw new Error('an empty answer');
    }
    return found;
  } catch (error) {
    throw tokenFailure(kind, error);
  } finally {
    clearTimeout(timer);
  }
}

function tokenFailure(kind: string, error: unknown): ConfigurationError | PlatformError {
  const message = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').slice(0, 300);
  if (/could not load the default credentials|cannot fetch id token in this environment|ENOENT/i.test(message)) {
    return new ConfigurationError('This process has no Google identity.', {
      remedy:
        'On a laptop: gcloud auth application-default login. On Google Cloud: run it as a service account. Elsewhere: set GOOGLE_APPLICATION_CREDENTIALS.',
      cause: error,
    });
  }
  if (/invalid_grant|reauth/i.test(message)) {
    return new ConfigurationError('The Google login of this process has ended.', {
      remedy: 'Log in again: gcloud auth application-default login.',
      cause: error,
    });
  }
  return new PlatformError(
    { system: 'Google', operation: `get ${kind}`, target: 'the identity of this process', applied: 'no' },
    message.replace(/\.$/, ''),
    { remedy: 'Try again; if it stays, look at the metadata server or the credentials file.', cause: error },
  );
}

const GoogleError = z.lazy(() =>
  z.looseObject({
    error: z.looseObject({ message: z.string(), status: z.string().optional() }),
  }),
);

export function googleErrorText(body: unknown): ErrorText | undefined {
  const parsed = GoogleError.safeParse(body);
  if (!parsed.success) {
    return undefined;
  }
  const { message, status } = parsed.data.error;
  return { text: message, ...(status === undefined ? {} : { code: status }) };
}
