// What a request asks of a registry, and the permission that it needs.
import type { Scope } from './acr-tokens.ts';
import type { Step } from './service.ts';

/** A request that was understood, and what its token must be for. */
export interface Route {
  readonly scope: Scope;
  readonly step: Omit<Step, 'needs'>;
}
