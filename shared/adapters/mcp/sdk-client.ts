// The client half of the official SDK, loaded by `import()` of this file at the first call.
export {
  Client,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
export { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/client/stdio';
