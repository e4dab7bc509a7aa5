// The emergency of docs/undo.md without the CLI: the app is stopped, the attribute set, the app started.
import { expect, test } from 'vitest';
import { HOUR, type Image, MINUTE, REPOSITORY, type Stage, stage } from './stage.ts';

interface Opened {
  readonly s: Stage;
  readonly image: Image;
}

/** A stack that has closed a gate. Then somebody stops the app and sets the attribute by hand. */
async function openedByHand(granularity: 'image' | 'repository'): Promise<Opened> {
  const s = await stage({ azure: { granularity } });
  const image = await s.close('v1');
  expect(await s.pull('v1')).toBe('refused');

  s.cloud.host.setRunning(false);
  await s.cloud.advance(10 * MINUTE);
  s.registry.setAttributes(REPOSITORY, { readEnabled: true }, granularity === 'image' ? { digest: image.digest } : {});
  expect(await s.pull('v1')).toBe('pulled');
  return { s, image };
}

test.each(['image', 'repository'] as const)('while the app is stopped, no %s closes', async (granularity) => {
  const { s } = await openedByHand(granularity);
  await s.report(s.push('v2', 'team/other'));
  await s.cloud.advance(12 * HOUR);
  expect([await s.pull('v1'), await s.pull('v2', 'team/other')]).toEqual(['pulled', 'pulled']);
});

test.each(['image', 'repository'] as const)(
  'started after a pause, the app leaves every %s open',
  async (granularity) => {
    const { s } = await openedByHand(granularity);
    await s.report(s.push('v2', 'team/other'));
    await s.setPause(true);
    s.cloud.host.setRunning(true);
    await s.cloud.advance(6 * HOUR);
    expect([await s.pull('v1'), await s.pull('v2', 'team/other')]).toEqual(['pulled', 'pulled']);
  },
);

test.each(['image', 'repository'] as const)(
  'started without a pause, the app closes the %s within ten minutes, and what was found meanwhile',
  async (granularity) => {
    const { s } = await openedByHand(granularity);
    await s.report(s.push('v2', 'team/other'));
    await s.cloud.advance(12 * HOUR);
    s.cloud.host.setRunning(true);
    await s.cloud.advance(10 * MINUTE);
    expect([await s.pull('v1'), await s.pull('v2', 'team/other')]).toEqual(['refused', 'refused']);
  },
);
