// Slack's refusals (`ok: false` with a code) as PlatformErrors that say what to do.
// Codes: https://docs.slack.dev/reference/methods, "Errors" of each method.
import { PlatformError } from '../../core/errors.ts';

export interface SlackContext {
  readonly operation: string;
  readonly target: string;
  readonly effect: 'read' | 'write';
}

export interface Refusal {
  readonly error: string;
  /** With `missing_scope`: comma-separated. */
  readonly needed?: string | undefined;
  readonly provided?: string | undefined;
  /** Details, such as which block is wrong. */
  readonly messages?: readonly string[] | undefined;
}

/** Slack says of these that a part may have succeeded. */
const MAYBE_APPLIED: ReadonlySet<string> = new Set([
  'fatal_error',
  'internal_error',
  'request_timeout',
  'service_unavailable',
]);

export const TRANSIENT_SLACK_CODES: ReadonlySet<string> = new Set([...MAYBE_APPLIED, 'ratelimited']);

const NEW_TOKEN = 'Set SLACK_BOT_TOKEN to the bot token (xoxb-…) that the app shows under "OAuth & Permissions".';
const INVITE = 'Invite the bot into the channel: /invite @<the name of the app>.';
const CHECK_CHANNEL =
  'Check the channel in the policy; a private channel is seen only once the bot is in it: /invite @<the name of the app>.';
const OUR_FAULT = 'This is a fault of Nightshift: please report it with the message that it was about.';

const REMEDIES: Readonly<Record<string, string>> = {
  not_authed: NEW_TOKEN,
  invalid_auth: NEW_TOKEN,
  account_inactive: `The app was removed or its user deactivated. Install it again. ${NEW_TOKEN}`,
  token_revoked: `Install the app again. ${NEW_TOKEN}`,
  token_expired: `The app rotates its tokens, which expire after 12 hours: install it without token rotation. ${NEW_TOKEN}`,
  not_allowed_token_type: NEW_TOKEN,
  access_denied: 'Ask an administrator of the workspace to allow the app.',
  ekm_access_denied: 'Ask an administrator of the workspace: its key management suspends messages.',
  org_login_required: 'Slack is moving the workspace to an organisation; try again later.',
  team_access_not_granted: 'Ask an administrator of the organisation to add the app to the workspace.',
  restricted_action: 'A setting of the workspace or channel forbids it: ask an administrator who may post there.',
  restricted_action_read_only_channel: 'Only some may post into this channel: choose another one in the policy.',
  channel_not_found: CHECK_CHANNEL,
  not_in_channel: INVITE,
  is_archived: 'Unarchive the channel, or set another one in the policy.',
  thread_not_found: 'The message of the thread is gone; somebody may have deleted it.',
  message_not_found: 'The message is gone; somebody may have deleted it.',
  cant_update_message: 'The message was posted with another token: an app edits only its own messages.',
  edit_window_closed: 'A setting of the workspace limits for how long messages may be edited.',
  msg_too_long: OUR_FAULT,
  msg_blocks_too_long: OUR_FAULT,
  invalid_blocks: OUR_FAULT,
  invalid_blocks_format: OUR_FAULT,
  invalid_arguments: OUR_FAULT,
  no_text: OUR_FAULT,
  user_not_in_channel: 'The person left the channel; nobody else is told.',
  no_such_subteam: 'There is no such user group: correct approvers in the policy. Its id begins with S.',
  subteam_not_found: 'There is no such user group: correct approvers in the policy. Its id begins with S.',
  metadata_too_large: OUR_FAULT,
  invalid_metadata_format: OUR_FAULT,
  file_not_found: 'The upload did not reach Slack, or somebody deleted the file; it is sent anew the next time.',
  storage_limit_reached: 'The workspace has no room for files: delete some, or change its plan.',
  file_uploads_disabled: 'An administrator of the workspace has switched file uploads off.',
  ratelimited: 'Try again later.',
  team_added_to_org: 'Slack is moving the workspace to an organisation; try again later.',
  unknown_method: 'Check SLACK_API_URL: what answers there does not know this method.',
};

export function refusalFailure(context: SlackContext, refusal: Refusal): PlatformError {
  const { error, messages = [] } = refusal;
  const unknown = context.effect === 'write' && MAYBE_APPLIED.has(error);
  const details = messages.length === 0 ? '' : `: ${messages.slice(0, 3).map(shown).join('; ')}`;
  return new PlatformError(
    {
      system: 'Slack',
      operation: context.operation,
      target: context.target,
      status: 200,
      code: error,
      applied: unknown ? 'unknown' : 'no',
    },
    `it answered ${error}${scopes(refusal)}${details}`,
    { remedy: remedyOf(context, refusal) },
  );
}

function scopes({ error, needed, provided }: Refusal): string {
  return error === 'missing_scope'
    ? ` (needed: ${shown(needed ?? 'not told')}; granted: ${shown(provided ?? 'not told')})`
    : '';
}

function remedyOf(context: SlackContext, { error, needed }: Refusal): string {
  if (error === 'missing_scope') {
    const which = needed === undefined ? 'the missing scope' : shown(needed);
    return `Add ${which} to the bot token scopes under "OAuth & Permissions" of the app, and install it again.`;
  }
  if (MAYBE_APPLIED.has(error)) {
    return 'Try again later; https://slack-status.com tells about outages.';
  }
  return (
    REMEDIES[error] ??
    `Slack's page https://docs.slack.dev/reference/methods/${context.operation} says what ${error} means.`
  );
}

function shown(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 200);
}
