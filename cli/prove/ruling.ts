// The rules that apply to the scratch repository.
import { createRules, type Rules } from '../../shared/reconcile/rules.ts';
import type { Scratch } from './scratch.ts';

export function rulingFor({ client }: Pick<Scratch, 'client'>): Rules {
  return createRules(client.settings, client.settings.mode);
}
