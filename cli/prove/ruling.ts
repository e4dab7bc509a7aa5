// The rules that apply to the scratch repository.
import { createRules, type GateRules } from '../../shared/reconcile/rules.ts';
import type { Scratch } from './scratch.ts';

/** A digest for questions whose answer does not depend on it. */
export const ANY_DIGEST = `sha256:${'0'.repeat(64)}`;

export function rulingFor({ client, gate }: Pick<Scratch, 'client' | 'gate'>): GateRules {
  return createRules(client.settings).of(gate(ANY_DIGEST));
}
