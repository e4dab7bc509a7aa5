// The command `pullgate why`.
import type { Command } from 'commander';

export function addWhy(_program: Command): void {}
