// Headless Chromium for the real tier: where it is, and how it is started without asking the network for anything.
import { access } from 'node:fs/promises';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

async function executable(): Promise<string | undefined> {
  for (const place of [process.env['NIGHTSHIFT_REAL_CHROMIUM'] ?? '', ...PLACES]) {
    const isThere =
      place !== '' &&
      (await access(place)
        .then(() => true)
        .catch(() => false));
    if (isThere) {
      return place;
    }
  }
  return undefined;
}

/** Why there is no browser; `undefined` where there is one. */
export async function whyNoBrowser(): Promise<string | undefined> {
  return (await executable()) === undefined
    ? 'Chromium is not installed: apt-get install chromium, or set NIGHTSHIFT_REAL_CHROMIUM to its path.'
    : undefined;
}

export async function startBrowser(): Promise<Browser> {
  const path = await executable();
  return chromium.launch({
    ...(path === undefined ? {} : { executablePath: path }),
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
