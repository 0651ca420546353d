// Tables of generated Markdown pages. Text in, text out.

export type Row = readonly string[];

/** Wide tables stay one line a row: Prettier would pad every row to the longest cell. */
export function table(header: Row, rows: readonly Row[]): string {
  const cell = (text: string): string => withoutTags(text).replaceAll('|', '\\|').replaceAll('\n', ' ');
  const line = (cells: Row): string => `| ${cells.map(cell).join(' | ')} |`;
  const lines = [line(header), line(header.map(() => '---')), ...rows.map(line)];
  return ['<!-- prettier-ignore-start -->', ...lines, '<!-- prettier-ignore-end -->'].join('\n');
}

/** `<file>` outside of code would be taken for an HTML tag and not be shown. */
function withoutTags(text: string): string {
  return text.replaceAll(/`[^`]*`|</g, (found) => (found === '<' ? '\\<' : found));
}

export function code(text: string): string {
  return `\`${text}\``;
}
