// The end of a log as text. Knows encodings; nothing of what a log says.

/** Most logs are UTF-8; what begins with the mark of UTF-16 is that. Broken bytes become U+FFFD and harm nothing. */
export function decodedTail(bytes: Uint8Array): string {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}
