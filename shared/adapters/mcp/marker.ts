// The name under which a caller's own marker of an effect travels beside a call, and by which a tool says that it keeps to it: a repeat
// with the same marker makes no second effect. https://modelcontextprotocol.io/specification/draft/basic#meta
export const MARKER = 'nightshift.dev/marker';
