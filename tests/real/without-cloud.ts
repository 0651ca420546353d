// `npx node tests/real/without-cloud.ts <command …>`: runs a command, such as `terraform plan`, with the schema provider in the Google
// provider's place, so that a person sees a plan without any project. NIGHTSHIFT_SECRETS names the secrets that the project has.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cloudWith, environment } from './terraform.ts';
import { startProvider } from './terraform-provider.ts';

const DEFAULT_SECRETS = 'slack-bot-token,jira-api-token';

const [command, ...args] = process.argv.slice(2);
if (command === undefined) {
  process.stderr.write(
    'Which command? For example: npx node tests/real/without-cloud.ts terraform -chdir=terraform plan\n',
  );
  process.exitCode = 2;
} else {
  const secrets = process.env['NIGHTSHIFT_SECRETS'] ?? DEFAULT_SECRETS;
  await using provider = await startProvider(cloudWith(secrets.split(',')));
  const child = spawn(command, args, { stdio: 'inherit', env: environment(provider.reattach) });
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}
