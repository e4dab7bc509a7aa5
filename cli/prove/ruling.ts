// The rules that apply to the scratch repository.
import { createRules, type GateRules } from '../../shared/reconcile/rules.ts';
import { buildImage } from './image.ts';
import type { Scratch } from './scratch.ts';

export function rulingFor({ client, gate }: Pick<Scratch, 'client' | 'gate'>): GateRules {
  return createRules(client.settings).of(gate(buildImage('vulnerable', '').digest));
}
