// The parts of the bench by name, in the order of the report.
import { bundle } from './bundle.ts';
import { azureCalls, calls } from './calls.ts';
import { awsLoad, awsMillion, azureLoad, azureMillion } from './load-parts.ts';
import { azureMonth, month } from './month.ts';
import type { Part } from './part.ts';
import { record } from './record.ts';
import { simulate } from './simulate.ts';
import { azureSweep, sweep } from './sweep.ts';
import { azureTicks, ticks } from './ticks.ts';

export const PARTS: Readonly<Record<string, Part>> = {
  bundle,
  calls,
  'azure-calls': azureCalls,
  sweep,
  'azure-sweep': azureSweep,
  ticks,
  'azure-ticks': azureTicks,
  'aws-load': awsLoad,
  'azure-load': azureLoad,
  record,
  month,
  'azure-month': azureMonth,
};

/** Parts that take too long to measure unless they are named. */
export const LONG_PARTS: Readonly<Record<string, Part>> = {
  'aws-million': awsMillion,
  'azure-million': azureMillion,
  simulate,
};

/**
 * The requested parts, or all of them if none is named.
 *
 * @throws Error that names the unknown parts and the known ones
 */
export function partsNamed(names: readonly string[]): readonly (readonly [name: string, part: Part])[] {
  const all = { ...PARTS, ...LONG_PARTS };
  const unknown = names.filter((name) => !Object.hasOwn(all, name));
  if (unknown.length > 0) {
    throw new Error(`the bench has no part ${unknown.join(', ')}; the parts are ${Object.keys(all).join(', ')}`);
  }
  return names.length === 0 ? Object.entries(PARTS) : Object.entries(all).filter(([name]) => names.includes(name));
}
