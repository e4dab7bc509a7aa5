// A vulnerability feed that goes mad: the scanner suddenly calls every image critical.
import type { Draw } from './draw.ts';
import type { Step, Truth, Vulnerability } from './truth.ts';

const FALSE_ALARM: Vulnerability = {
  id: 'CVE-2026-9999',
  severity: 'critical',
  score: 10,
  fixable: true,
  exploited: false,
  epss: undefined,
};
const SHARE_OF_RUNS = 0.1;

export interface MadFeed {
  /** The number of the scenario's step before which it begins. */
  readonly from: number;
  /** The number of the step before which the alarm is called off. Undefined: never within the run. */
  readonly until: number | undefined;
}

/** Draws whether, and when, the feed of a run goes mad. */
export function madFeedOf(draw: Draw, steps: number): MadFeed | undefined {
  if (draw('madFeed') >= SHARE_OF_RUNS) return undefined;
  const from = Math.ceil(steps * (0.2 + 0.4 * draw('madFeed', 'from')));
  const isCalledOff = draw('madFeed', 'isCalledOff') < 0.5;
  return { from, until: isCalledOff ? from + Math.ceil(steps / 4) : undefined };
}

/** What the feed does before this step. */
export function madFeedSteps({ from, until }: MadFeed, number: number, { images }: Truth): readonly Step[] {
  const present = [...images.values()].filter((image) => image.present);
  if (number === from) return present.map(({ name }) => ({ kind: 'report', image: name, vulnerability: FALSE_ALARM }));
  if (number !== until) return [];
  return present
    .filter(({ findings }) => findings.get(FALSE_ALARM.id)?.status === 'active')
    .map(({ name }) => ({ kind: 'suppress', image: name, vulnerability: FALSE_ALARM }));
}
