// Writes a policy as commented YAML from its JSON Schema: what was answered stands as it is, every other setting stands as a
// comment with its default and its reason. Knows no setting by name and asks nobody.
import { stringify } from 'yaml';
import type { Json, JsonObject } from '../../core/json.ts';

/** The part of JSON Schema that zod writes for a policy. */
export interface SettingSchema {
  readonly description?: string;
  readonly default?: Json;
  readonly examples?: readonly Json[];
  readonly enum?: readonly Json[];
  readonly properties?: Readonly<Record<string, SettingSchema>>;
  readonly additionalProperties?: SettingSchema | boolean;
  readonly items?: SettingSchema;
}

const COMMENT_COLUMNS = 110;
const STEP = '  ';

/**
 * The text below the header. A comment is `# ` and words; a setting that is switched off is `#` right before it, so that
 * taking the `#` away switches it on.
 */
export function settingLines(schema: SettingSchema, values: JsonObject): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, setting]) => [
    '',
    ...entryLines(name, setting, values[name], ''),
  ]);
}

function entryLines(name: string, setting: SettingSchema, value: Json | undefined, indent: string): readonly string[] {
  const comments = commentLines(setting, value !== undefined, indent);
  if (value === undefined) {
    return [...comments, ...offLines(name, setting, indent)];
  }
  if (!isObject(value)) {
    return [...comments, ...yamlLines({ [name]: value }, indent)];
  }
  const inner = indent + STEP;
  const { properties, additionalProperties: named } = setting;
  const members =
    properties !== undefined
      ? Object.entries(properties).flatMap(([member, one]) => entryLines(member, one, value[member], inner))
      : Object.entries(value).flatMap(([member, one]) =>
          entryLines(member, typeof named === 'object' ? named : {}, one, inner),
        );
  return [...comments, `${indent}${yamlKey(name)}:`, ...members];
}

function offLines(name: string, setting: SettingSchema, indent: string): readonly string[] {
  // An example of the whole is there where its members exclude each other.
  if (setting.properties !== undefined && setting.examples === undefined) {
    const members = Object.entries(setting.properties);
    return [
      `${indent}#${yamlKey(name)}:`,
      ...members.flatMap(([member, one]) => entryLines(member, one, undefined, indent + STEP)),
    ];
  }
  return yamlLines({ [name]: isUseful(setting.default) ? setting.default : (setting.examples?.[0] ?? null) }, '').map(
    (line) => `${indent}#${line}`,
  );
}

/** An empty list or text shows nobody what could be written there. */
function isUseful(value: Json | undefined): value is Json {
  return (
    value !== undefined &&
    value !== '' &&
    !(typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  );
}

function commentLines(setting: SettingSchema, isSet: boolean, indent: string): readonly string[] {
  const { description, enum: choices } = setting;
  const words = [
    ...(description === undefined ? [] : [description.replace(/\.?$/, '.')]),
    ...(choices === undefined || choices.length < 2 ? [] : [`One of: ${choices.map(String).join(', ')}.`]),
    ...(!isSet && (setting.properties === undefined || setting.examples !== undefined) && !isUseful(setting.default)
      ? ['Not set by default; an example:']
      : []),
  ];
  return wrapped(words.join(' '), COMMENT_COLUMNS - indent.length).map((line) => `${indent}# ${line}`);
}

function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > columns) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = `${last} ${word}`;
    }
  }
  return lines;
}

/** Lists of plain values stand in one line, lists of objects below each other. */
function yamlLines(value: JsonObject, indent: string): readonly string[] {
  return Object.entries(value).flatMap(([name, member]) =>
    (isFlat(member) ? `${yamlKey(name)}: ${yamlText(member, 'flow')}` : yamlText({ [name]: member }, 'any'))
      .split('\n')
      .map((line) => indent + line),
  );
}

function yamlText(value: Json, collectionStyle: 'flow' | 'any'): string {
  return stringify(value, { collectionStyle, lineWidth: 0, singleQuote: true, flowCollectionPadding: false }).trimEnd();
}

function isFlat(value: Json): boolean {
  return Array.isArray(value) && value.every((item) => typeof item !== 'object');
}

function yamlKey(name: string): string {
  return yamlText(name, 'any');
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
