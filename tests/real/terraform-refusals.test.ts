// What a plan of terraform/ refuses, before anything is made, and the sentence that says what to do.
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from './suite.ts';
import { openTestDeployment, type TestDeployment } from './terraform-deployment.ts';

let at: TestDeployment;

/** What is wrong with the variables, and what the plan says of it. */
const WRONG: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ['a duty that is none', { duties: '{rebalanse={}}' }, 'There is no duty rebalanse in ../functions. Duties: ingress,'],
  [
    'a cron expression that is none',
    { duties: '{rebalance={schedule="61 * * * *"}}' },
    'The schedule "61 * * * *" of rebalance is no cron expression of five fields',
  ],
  [
    'a schedule for what has none',
    { duties: '{ingress={schedule="* * * * *"}}' },
    'ingress has no schedule in its function.yaml',
  ],
  [
    'a time zone that is none',
    { duties: '{rebalance={timezone="Mars/Olympus"}}' },
    'The time zone "Mars/Olympus" of rebalance is not known.',
  ],
  [
    'a region that is none',
    { region: 'europe-west99' },
    'Functions cannot run in "europe-west99". Regions: europe-west1, europe-west3, us-central1.',
  ],
  ['a project that is none', { project: 'Shop' }, '"Shop" is no project id. `gcloud projects list` shows'],
  [
    'a policy that is not there',
    { policy_file: 'none.yaml' },
    'There is no policy none.yaml. Write one with: npx nightshift init --out nightshift.yaml',
  ],
  [
    'a policy that is no YAML',
    { policy_file: 'tests/fixtures/broken-policy.yaml' },
    'Find the line with: npx nightshift policy check tests/fixtures/broken-policy.yaml',
  ],
  [
    'a policy that was not checked',
    { policy_file: 'tests/fixtures/other-policy.yaml' },
    'npx nightshift rbac --policy tests/fixtures/other-policy.yaml --project shop-prod',
  ],
  ['permissions that were not computed', { permissions_file: 'none.json' }, 'There is no none.json. Make it from'],
  [
    'a secret that is not there',
    { secrets: '{SLACK_BOT_TOKEN={secret="slack-tokn"}}' },
    'There is no secret slack-tokn in the project shop-prod. Make it: printf %s "$VALUE" | gcloud secrets create',
  ],
  [
    'a secret of one function that is not there',
    { duties: '{settle={secrets={KUBECONFIG={secret="kubeconfg"}}}}' },
    'There is no secret kubeconfg in the project shop-prod.',
  ],
  [
    'a secret for a function that does not read it',
    { duties: '{settle={secrets={SLACK_SIGNING_SECRET={secret="slack-signing-secret"}}}}' },
    'settle does not read SLACK_SIGNING_SECRET: take it out of its secrets.',
  ],
  [
    'a setting that nobody reads',
    { secrets: '{SLACK_TOKEN={secret="slack-bot-token"}}' },
    'No duty reads SLACK_TOKEN. Settings that may be secrets: BITBUCKET_ACCESS_TOKEN,',
  ],
  [
    'a policy that asks for what the function is not given',
    { secrets: '{JIRA_API_TOKEN={secret="jira-api-token"},BITBUCKET_ACCESS_TOKEN={secret="bitbucket-access-token"}}' },
    'The policy has chat.slack, for which settle needs SLACK_BOT_TOKEN. Name the secret that holds it in var.secrets',
  ],
  ['everybody as an invoker', { invokers: '["allUsers"]' }, 'What is public says so in its function.yaml.'],
];

describeWith(
  ['terraform'],
  'a plan of terraform/ refuses',
  () => at?.said(),
  () => {
    beforeAll(async () => {
      at = await openTestDeployment();
      await at.standInBundles();
    });
    afterAll(async () => {
      await at?.[Symbol.asyncDispose]();
    });

    test('nothing of what is right', async () => {
      expect((await at.plan({})).length).toBeGreaterThan(100);
    });

    test.each(WRONG)('%s', async (_, variables, sentence) => {
      expect(await at.refusal({ variables })).toContain(sentence);
    });

    test('a bundle that is missing', async () => {
      const zip = path.join(at.root, 'dist/settle.zip');
      await rename(zip, `${zip}.away`);
      const said = await at.refusal({});
      await rename(`${zip}.away`, zip);
      expect(said).toContain('There is no bundle ../dist/settle.zip. Build it: npm ci && npm run build -- settle');
    });

    test('a function.yaml that the build has not seen', async () => {
      const file = path.join(at.root, 'functions/settle/function.yaml');
      const before = await readFile(file, 'utf8');
      await writeFile(file, before.replace(/retries: \d+/, 'retries: 99'));
      const said = await at.refusal({});
      await writeFile(file, before);
      expect(said).toContain('was changed since its bundle was built');
      expect(said).toContain('npm run build -- settle');
    });

    test('a policy that does not pass its schema, at the command that the plan asks for', async () => {
      const before = await readFile(at.policy, 'utf8');
      await writeFile(at.policy, before.replace('mode: auto', 'mode: sometimes'));
      const said = await at.refusal({});
      await expect(at.rbac(at.policy)).rejects.toThrow('modes[0].mode: expected one of observe, approve, auto');
      await writeFile(at.policy, before);
      expect(said).toContain('was not checked since it was last changed');
    });

    test('a duty that the policy gives no work', async () => {
      const before = await readFile(at.policy, 'utf8');
      await writeFile(at.policy, before.replace(/^duties:[\s\S]*/m, ''));
      await at.rbac(at.policy);
      const said = await at.refusal({ duties: ['rebalance', 'settle'] });
      await writeFile(at.policy, before);
      await at.rbac(at.policy);
      expect(said).toContain('The policy gives rebalance no work: it names no scope under duties.rebalance.');
    });
  },
);
