// How people are told apart in journal and messages.

/** `alice` of `slack:U024BE7LH (alice)`; anybody else as they are. */
export function personName(by: string): string {
  return /^[a-z]+:[^ ]+ \((.+)\)$/.exec(by)?.[1] ?? by;
}

/** A person of a chat, for the journal: the id is who it is, the name is for people and may be anything. */
export function chatPerson(source: string, user: { readonly id: string; readonly name: string }): string {
  return `${source}:${user.id} (${user.name === '' ? user.id : user.name})`;
}
