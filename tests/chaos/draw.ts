// Random numbers that depend on a seed and a name, and on nothing else: one call more or less changes no other number.
import { createHash } from 'node:crypto';

/** A number from 0 up to 1, the same for the same name. */
export type Draw = (...name: readonly (string | number)[]) => number;

export function drawFrom(seed: number): Draw {
  return (...name) =>
    createHash('sha256')
      .update([seed, ...name].join('|'))
      .digest()
      .readUInt32BE(0) /
    2 ** 32;
}

/** The choice that a number falls on, each as likely as its weight. */
export function pick<T>(drawn: number, choices: readonly (readonly [choice: T, weight: number])[]): T {
  const total = choices.reduce((sum, [, weight]) => sum + weight, 0);
  let left = drawn * total;
  for (const [choice, weight] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  throw new Error('there is nothing to choose from');
}

/** One of a list, each as likely; undefined of none. */
export function oneOf<T>(drawn: number, list: readonly T[]): T | undefined {
  return list[Math.floor(drawn * list.length)];
}

/** A whole number between two, both included. */
export function between(drawn: number, least: number, most: number): number {
  return least + Math.floor(drawn * (most - least + 1));
}
