// Sets and clears overrides of single gates, in the command's own two steps: record, then apply.
import { type OverrideResult, recordClear, recordOrder } from '../../cli/override/override.ts';

/** Sets an override for one gate. */
export async function give(...override: Parameters<typeof recordOrder>): Promise<OverrideResult> {
  return (await recordOrder(...override))();
}

/** Clears the override of a gate. */
export async function end(...what: Parameters<typeof recordClear>): Promise<OverrideResult> {
  return (await recordClear(...what))();
}
