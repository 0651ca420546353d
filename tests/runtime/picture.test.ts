// A picture is drawn when its message is delivered, shared in the thread once, and left to a process that can draw.
import { expect, test } from 'vitest';
import type { Chart } from '../../shared/core/document.ts';
import type { ChatUpload } from '../../shared/ports/chat.ts';
import type { Picture } from '../../shared/ports/picture.ts';
import { drainOutbox } from '../../shared/runtime/outbox.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { sizeDuty, testRuntime, type TestRuntime } from '../support/runtime.ts';

const PNG = Uint8Array.from([0x89, 0x50, 0x4e, 0x47]);
const chart: Chart = { width: 10, height: 10, option: {} };
const message = {
  title: 'Builds',
  blocks: [],
  file: { name: 'trend.png', title: 'Trend', alt: 'It goes up.', picture: chart },
};

function drawer(): Picture & { readonly drawn: Chart[] } {
  const drawn: Chart[] = [];
  return {
    drawn,
    svg: () => Promise.resolve('<svg/>'),
    png: (one) => {
      drawn.push(one);
      return Promise.resolve(PNG);
    },
  };
}

function withPicture(runtime: TestRuntime, picture: Picture | undefined): TestRuntime['surroundings'] {
  return { ...runtime.surroundings, ports: { ...runtime.surroundings.ports, picture } };
}

async function told(runtime: TestRuntime, picture: Picture | undefined): Promise<readonly string[]> {
  const duty = { ...sizeDuty(runtime.things, { a: 125 }), report: () => ({ summary: {}, message }) };
  const result = await runDuty(withPicture(runtime, picture), duty, runtime.policy, {
    scope: { cluster: 'prod', namespace: 'shop' },
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
  });
  return result.kind === 'busy' ? [] : result.report.deliveries.map(({ state }) => state);
}

test('is drawn from its options and shared with its words for who cannot see it', async () => {
  const runtime = testRuntime();
  const uploads: ChatUpload[] = [];
  const { upload } = runtime.chat;
  runtime.chat.upload = (file) => {
    uploads.push(file);
    return upload(file);
  };
  const picture = drawer();
  expect(await told(runtime, picture)).toEqual(['delivered']);
  expect(picture.drawn).toEqual([chart]);
  expect(uploads).toMatchObject([{ name: 'trend.png', title: 'Trend', alt: 'It goes up.', content: PNG }]);
});

test('is shared once though the reply was lost', async () => {
  const runtime = testRuntime();
  runtime.chat.fates = ['works', 'reply lost'];
  await told(runtime, drawer());
  for (let round = 0; round < 10; round += 1) {
    runtime.clock.advance(60_000);
    await drainOutbox(withPicture(runtime, drawer()));
  }
  expect(runtime.chat.messages.map(({ files }) => files.length)).toEqual([1]);
});

test('a process that cannot draw posts the message and leaves the picture to one that can', async () => {
  const runtime = testRuntime();
  expect(await told(runtime, undefined)).toEqual(['pending']);
  expect(runtime.chat.messages.map(({ files }) => files.length)).toEqual([0]);
  runtime.clock.advance(600_000);
  await drainOutbox(withPicture(runtime, undefined));
  expect(runtime.chat.messages.map(({ files }) => files.length)).toEqual([0]);
  runtime.clock.advance(600_000);
  await drainOutbox(withPicture(runtime, drawer()));
  expect(runtime.chat.messages.map(({ files }) => files.length)).toEqual([1]);
});
