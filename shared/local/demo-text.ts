// Slack blocks and Jira's ADF as plain text, as far as a terminal can show what people see there.

type Node = Readonly<Record<string, unknown>>;

/** Blocks as lines; escapes undone, code fenced by a bar. */
export function slackText(blocks: readonly Node[]): string {
  return blocks.map((block) => `  ┃ ${blockText(block).replaceAll('\n', '\n  ┃ ')}`).join('\n');
}

function blockText(block: Node): string {
  if (block['type'] === 'actions') {
    const elements = block['elements'] as readonly { readonly text: { readonly text: string } }[];
    return elements.map((element) => `[ ${element.text.text} ]`).join(' ');
  }
  const text = block['text'] as { type?: string; text?: string } | undefined;
  if (text?.text === undefined) {
    return block['type'] === 'divider' ? '────' : JSON.stringify(block);
  }
  const plain = text.text
    .replaceAll(/<([^|>]+)\|([^>]+)>/g, '$2 ($1)')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
  return block['type'] === 'header' ? plain.toUpperCase() : plain;
}

/** An Atlassian document as indented lines. */
export function adfText(document: unknown): string {
  return lines(document as Node)
    .map((line) => `  ┃ ${line}`)
    .join('\n');
}

function lines(node: Node): string[] {
  const content = (node['content'] as Node[] | undefined) ?? [];
  switch (node['type']) {
    case 'paragraph':
    case 'codeBlock':
    case 'heading':
      return content
        .map((child) => String(child['text'] ?? ''))
        .join('')
        .split('\n');
    case 'listItem':
      return content.flatMap(lines).map((line, index) => (index === 0 ? `• ${line}` : `  ${line}`));
    case 'tableRow':
      return [content.map((cell) => lines(cell).join(' ')).join('  |  ')];
    default:
      return content.flatMap(lines);
  }
}
