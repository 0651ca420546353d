// The environment that a deployed function has: of the settings that capabilities name those of its own capabilities, as terraform/ hands
// them out, and all that are nobody's in particular.
import path from 'node:path';
import { capabilitiesOf, readCapabilities } from '../../shared/config/capabilities.ts';
import { readManifests } from '../../shared/config/manifest.ts';

const FUNCTIONS = path.resolve(import.meta.dirname, '../../functions');

export async function handedTo(
  name: string,
  variables: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const [table, manifests] = await Promise.all([readCapabilities(), readManifests(FUNCTIONS)]);
  const capabilities = manifests.find((one) => one.name === name)?.capabilities ?? [];
  const own = [...capabilitiesOf(capabilities, table).values()].flatMap(({ settings }) => settings);
  const named = [...table.values()].flatMap(({ settings }) => settings);
  return Object.fromEntries(
    Object.entries(variables).filter(([setting]) => own.includes(setting) || !named.includes(setting)),
  );
}
