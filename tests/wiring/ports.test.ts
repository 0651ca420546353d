// Which systems are connected: those that the policy names and that the function's capabilities are for, with the settings that they need.
import { expect, test } from 'vitest';
import { readEnvironment } from '../../shared/config/environment.ts';
import { neededSettings } from '../../shared/config/needed-settings.ts';
import { TeamPolicy } from '../../shared/core/policy.ts';
import type { Ports } from '../../shared/ports/ports.ts';
import { connectPorts, memoryStore } from '../../shared/wiring/ports.ts';
import { testClock } from '../support/runtime.ts';

const TEAM = TeamPolicy.parse({
  version: 1,
  chat: { slack: { channel: '#ops' } },
  tracker: { jira: { url: 'https://example.atlassian.net', project: 'OPS' } },
  ci: { bitbucket: { workspace: 'example' } },
  model: { ollama: {} },
});
const SETTINGS: Readonly<Record<string, string>> = {
  SLACK_BOT_TOKEN: 'xoxb-1-2-three',
  JIRA_EMAIL: 'nightshift@example.com',
  JIRA_API_TOKEN: 'token',
  BITBUCKET_ACCESS_TOKEN: 'token',
  OLLAMA_URL: 'http://ollama:11434',
};

function connected(settings: Readonly<Record<string, string>>, capabilities?: readonly string[]): Ports {
  const clock = testClock();
  return connectPorts({
    environment: readEnvironment(settings),
    team: TEAM,
    store: memoryStore(clock),
    clock,
    ids: { next: () => 'id' },
    random: () => 0,
    ...(capabilities === undefined ? {} : { capabilities }),
  }).ports;
}

function systemsOf({ chat, tracker, ci, model }: Ports): readonly string[] {
  return Object.entries({ chat, tracker, ci, model }).flatMap(([name, port]) => (port === undefined ? [] : [name]));
}

test('without capabilities, as in one process, every system of the policy is connected', () => {
  expect(systemsOf(connected(SETTINGS))).toEqual(['chat', 'tracker', 'ci', 'model']);
});

test.each([
  [['store.write', 'events.receive'], [], []],
  [['chat.post'], ['SLACK_BOT_TOKEN'], ['chat']],
  [
    ['ci.read', 'tracker.write'],
    ['BITBUCKET_ACCESS_TOKEN', 'JIRA_EMAIL', 'JIRA_API_TOKEN'],
    ['tracker', 'ci'],
  ],
  [['model.word'], ['OLLAMA_URL'], ['model']],
])('a function with %j needs no more than %j and reaches %j', (capabilities, names, systems) => {
  const own = Object.fromEntries(names.map((name) => [name, SETTINGS[name] ?? '']));
  expect(systemsOf(connected(own, capabilities))).toEqual(systems);
});

test.each(neededSettings(TEAM))(
  'without $name the part $part of the policy is refused, as a plan says before',
  (needed) => {
    const { name, part } = needed;
    // Jira's two go together: the environment itself refuses one without the other.
    const missing = name.startsWith('JIRA_') ? ['JIRA_EMAIL', 'JIRA_API_TOKEN'] : [name];
    const rest = Object.fromEntries(Object.entries(SETTINGS).filter(([one]) => !missing.includes(one)));
    expect(() => connected(rest)).toThrow(`The policy has ${part}, and ${missing[0] ?? ''} is not set.`);
  },
);

test('the settings of these tests are all that a policy can need', () => {
  expect(
    neededSettings(TEAM)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(Object.keys(SETTINGS).sort());
});
