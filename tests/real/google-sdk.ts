// Finds what comes with the Google Cloud CLI and from no package registry: its emulators, which need Java.
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** Where packages and the installer put the Google Cloud CLI. */
const SDK_FOLDERS = [
  '/usr/lib/google-cloud-sdk',
  '/usr/share/google-cloud-sdk',
  '/opt/google-cloud-sdk',
  '/snap/google-cloud-cli/current',
];

/** The path of a file of the CLI, given from its root; undefined where it is not installed. */
export async function sdkFile(file: string): Promise<string | undefined> {
  const home = process.env['HOME'] ?? '';
  const root = process.env['CLOUDSDK_ROOT_DIR'] ?? '';
  for (const folder of [...(root === '' ? [] : [root]), ...SDK_FOLDERS, path.join(home, 'google-cloud-sdk')]) {
    const found = path.join(folder, file);
    const isThere = await access(found).then(
      () => true,
      () => false,
    );
    if (isThere) {
      return found;
    }
  }
  return undefined;
}

/** Why an emulator cannot run here; undefined when it can. */
export async function whyNoEmulator(
  name: string,
  file: string,
  component: string,
  variable: string,
): Promise<string | undefined> {
  if ((await sdkFile(file)) === undefined) {
    return `The ${name} emulator is not installed: \`gcloud components install ${component}\`, or set ${variable}.`;
  }
  try {
    await promisify(execFile)('java', ['-version']);
    return undefined;
  } catch {
    return `The ${name} emulator needs Java, and there is no \`java\` on the PATH.`;
  }
}
