// Slack's client for Socket Mode, loaded by `import()` of this file when a host opens a socket. See sdk.ts.
export { SocketModeClient } from '@slack/socket-mode';
