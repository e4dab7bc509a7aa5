// The plans of Defender for Cloud in the subscription, and how Resource Manager shows them.
// Sources: https://learn.microsoft.com/rest/api/defenderforcloud/pricings/get (API version 2024-01-01),
// https://learn.microsoft.com/azure/templates/microsoft.security/pricings
import { failure } from './failure.ts';
import type { Step } from './service.ts';
import { json } from './wire.ts';

export type PlanName = 'Containers' | 'FoundationalCspm';

/** A plan is on if its tier is Standard. Only the Containers plan has extensions. */
export interface Plan {
  readonly pricingTier: 'Free' | 'Standard';
  readonly extensions?: readonly { readonly name: string; readonly isEnabled: 'True' | 'False' }[];
}

export interface DefenderPlans {
  plan(name: PlanName): Plan;
  /** Changes a plan, as a person does in the portal. */
  set(name: PlanName, plan: Plan): void;
}

/** A plan in the template of a deployment at subscription scope. */
export interface PlanResource {
  readonly name: string;
  readonly properties: Plan;
}

export interface RunningPlans extends DefenderPlans {
  /**
   * Sets the plans of a stack's deployments, whatever state they are in. A deployment that has not changed since the
   * stack's last one is not run again, as with Pulumi. One that is gone changes nothing.
   */
  deploy(stack: string, plans: readonly PlanResource[]): void;
  /** A GET of a plan. Undefined if the path is another one. */
  read(id: string): Step | undefined;
}

const PATH = /^\/subscriptions\/[^/]+\/providers\/Microsoft\.Security\/pricings\/([^/]+)$/i;
const NAMES: readonly PlanName[] = ['Containers', 'FoundationalCspm'];

export function createDefenderPlans(): RunningPlans {
  // Both are off in a subscription of today.
  // Source: https://learn.microsoft.com/azure/defender-for-cloud/foundational-cspm-opt-in
  const plans = new Map<PlanName, Plan>(NAMES.map((name) => [name, { pricingTier: 'Free' }]));
  const deployed = new Map<string, string>();
  const known = (name: string): PlanName => {
    const found = NAMES.find((one) => one.toLowerCase() === name.toLowerCase());
    if (found === undefined) throw new Error(`the local Defender has no plan ${name}`);
    return found;
  };
  const plan = (name: PlanName): Plan => plans.get(name) ?? { pricingTier: 'Free' };
  const answer = (name: PlanName, id: string) =>
    json(200, {
      id,
      name,
      type: 'Microsoft.Security/pricings',
      properties: { ...plan(name), freeTrialRemainingTime: 'PT0S', enforce: 'False', inherited: 'False' },
    });
  return {
    plan,
    set: (name, to) => void plans.set(name, to),
    deploy(stack, resources) {
      const text = JSON.stringify(resources);
      if (deployed.get(stack) === text) return;
      deployed.set(stack, text);
      for (const { name, properties } of resources) plans.set(known(name), properties);
    },
    read(id) {
      const [, given] = PATH.exec(id) ?? [];
      if (given === undefined) return undefined;
      const name = NAMES.find((one) => one.toLowerCase() === given.toLowerCase());
      return {
        operation: 'GetPricing',
        input: { id },
        needs: [
          { action: 'Microsoft.Security/pricings/read', data: false, scope: id.split('/').slice(0, 3).join('/') },
        ],
        run() {
          if (name === undefined) throw failure(404, 'ResourceNotFound', `The plan '${given}' was not found.`);
          return answer(name, id);
        },
      };
    },
  };
}
