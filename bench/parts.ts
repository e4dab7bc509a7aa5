// The parts of the bench by name, in the order of the report.
import { azureBundle, bundle } from './bundle.ts';
import { azureCalls, calls } from './calls.ts';
import type { Part } from './part.ts';
import { program } from './program.ts';
import { record } from './record.ts';
import { azureSweep, sweep } from './sweep.ts';
import { verdicts } from './verdicts.ts';

export const PARTS: Readonly<Record<string, Part>> = {
  verdicts,
  bundle,
  'azure-bundle': azureBundle,
  calls,
  'azure-calls': azureCalls,
  sweep,
  'azure-sweep': azureSweep,
  program,
  record,
};

/**
 * The parts that were asked for; all of them where none was named.
 *
 * @throws Error that names what is not a part, and the parts that there are
 */
export function partsNamed(names: readonly string[]): readonly (readonly [name: string, part: Part])[] {
  const unknown = names.filter((name) => !Object.hasOwn(PARTS, name));
  if (unknown.length > 0) {
    throw new Error(`the bench has no part ${unknown.join(', ')}; name any of ${Object.keys(PARTS).join(', ')}`);
  }
  return Object.entries(PARTS).filter(([name]) => names.length === 0 || names.includes(name));
}
