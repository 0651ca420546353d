// Two tiers: `fast` needs nothing but npm packages, `real` starts real servers and takes minutes.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Every core: tests wait for servers and processes more than they compute.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'fast',
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/real/**'],
          setupFiles: ['tests/setup.ts'],
          // Files share their modules, as requests do in a deployed function: loading all of it anew for each is a third of the time.
          isolate: false,
          testTimeout: 60_000,
          hookTimeout: 60_000, // Some build a bundle.
        },
      },
      {
        test: {
          name: 'real',
          include: ['tests/real/**/*.test.ts'],
          globalSetup: ['tests/real/setup.ts'],
          // Limits against hanging only: how fast servers are is the machine's business.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
