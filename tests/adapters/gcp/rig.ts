// The Google double as the APIs and the metadata server of this process: credentials come as a function gets them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { scenarioClock } from '../../../fixtures/platform/clock.ts';
import { type GoogleDouble, googleDouble } from '../../../fixtures/platform/google/google.ts';
import { type Fault, type RecordedCall, serve } from '../../../fixtures/platform/kit.ts';

export interface GoogleRig {
  readonly google: GoogleDouble;
  readonly url: string;
  readonly calls: readonly RecordedCall[];
  readonly faults: Fault[];
  violations(): readonly string[];
}

/** Tokens end by the real clock, which is what Google's client goes by; the scenario's clock starts there. */
export async function googleRig(): Promise<GoogleRig> {
  const clock = scenarioClock(new Date().toISOString());
  const google = googleDouble(clock);
  const calls: RecordedCall[] = [];
  const faults: Fault[] = [];
  const running = await serve(google, { clock, calls, faults, validate: google.validate });
  // A person's own login must not be found.
  const empty = mkdtempSync(path.join(tmpdir(), 'nightshift-gcloud-'));
  vi.stubEnv('CLOUDSDK_CONFIG', empty);
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
  vi.stubEnv('GCE_METADATA_HOST', new URL(running.url).host);
  vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    rmSync(empty, { recursive: true });
    await running.close();
  });
  return { google, url: running.url, calls, faults, violations: () => calls.flatMap(({ violations }) => violations) };
}
