// The commands `pullgate open` and `pullgate close`, by hand.
import type { Command } from 'commander';

export function addOpen(_program: Command): void {}

export function addClose(_program: Command): void {}
