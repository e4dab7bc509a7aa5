// Random numbers that depend only on a seed and a name. An added or removed call changes no other number.
import { createHash } from 'node:crypto';

/** A number of at least 0 and below 1. The same name always gives the same number. */
export type Draw = (...name: readonly (string | number)[]) => number;

export function drawFrom(seed: number): Draw {
  return (...name) =>
    createHash('sha256')
      .update([seed, ...name].join('|'))
      .digest()
      .readUInt32BE(0) /
    2 ** 32;
}

/** Picks a choice by a drawn number. Each choice is as likely as its weight. */
export function pick<T>(drawn: number, choices: readonly (readonly [choice: T, weight: number])[]): T {
  const total = choices.reduce((sum, [, weight]) => sum + weight, 0);
  let left = drawn * total;
  for (const [choice, weight] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  throw new Error('there is nothing to choose from');
}

/** An element of the list, all equally likely; undefined if the list is empty. */
export function oneOf<T>(drawn: number, list: readonly T[]): T | undefined {
  return list[Math.floor(drawn * list.length)];
}

/** A whole number from `least` to `most`, both included. */
export function between(drawn: number, least: number, most: number): number {
  return least + Math.floor(drawn * (most - least + 1));
}
