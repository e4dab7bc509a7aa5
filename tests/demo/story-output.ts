// Runs `npm start`, and reads the story that it prints.
import { startProgramOf } from '../process-group.ts';

/** The headlines of the steps, in order. */
export const HEADLINES = [
  '`pulumi up` deploys the stack',
  'CI pushes shop/checkout:1.0, and production pulls it',
  'The scanner reports a finding, and the gate closes',
  'The same pull is refused',
  'CI can still push the fix',
  'The finding disappears without proof, and the gate stays closed',
  'There is proof that the vulnerability is gone, and the gate opens',
  'Another image has the same vulnerability, and an exception opens its gate',
];

export const start = (words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) =>
  startProgramOf('demo/start.ts', words, environment);

/** The numbers and headlines of the printed steps. */
export function stepsIn(text: string): readonly (readonly [number, string])[] {
  return [...text.matchAll(/^ (\d) {2}(.+) {2}\([\d.]+ m?s\)$/gm)].map(([, number, headline = '']) => [
    Number(number),
    headline,
  ]);
}
