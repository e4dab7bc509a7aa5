// Orders by hand for single gates, in the command's own two steps: recorded, and then done by one observation.
import { type Outcome, recordEnd, recordOrder } from '../../cli/override/override.ts';

/** Gives an order for one gate. */
export async function give(...order: Parameters<typeof recordOrder>): Promise<Outcome> {
  return (await recordOrder(...order))();
}

/** Ends the order that a gate has. */
export async function end(...what: Parameters<typeof recordEnd>): Promise<Outcome> {
  return (await recordEnd(...what))();
}
