// The operation of a request to a registry, and the permission that it needs.
import type { Scope } from './acr-tokens.ts';
import type { Step } from './service.ts';

/** A parsed request, and the permission that its token must grant. */
export interface Route {
  readonly scope: Scope;
  readonly step: Omit<Step, 'needs'>;
}
