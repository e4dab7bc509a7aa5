// Checks whether the plans of Defender that find vulnerable images are on.
import { isObject, pick, textOf } from '../../azure/function/loose-json.ts';
import { registryIn } from '../../azure/function/registry-id.ts';
import { type AzureTest, runCheck } from './azure-check.ts';
import type { TestLine, TestResult } from './self-test.ts';

/** Those that azure/component/defender.ts enables. */
const PLANS = ['Containers', 'FoundationalCspm'] as const;
/** The extension of the plan Containers that scans registries. */
const SCANS = 'ContainerRegistriesVulnerabilityAssessments';
/** Source: https://learn.microsoft.com/rest/api/defenderforcloud/pricings/get */
const VERSION = '2024-01-01';

/** One line for each plan in each subscription of the stack. */
export function checkPlans({ stack, readArm }: AzureTest): Promise<readonly TestLine[]> {
  const ids = stack.registries.flatMap((id) => registryIn(id)?.subscription ?? []);
  const subscriptions = [...new Set(ids.map((id) => id.toLowerCase()))];
  const checks = subscriptions.flatMap((subscription) =>
    PLANS.map((plan) => {
      const path = `/subscriptions/${subscription}/providers/Microsoft.Security/pricings/${plan}?api-version=${VERSION}`;
      const role = `Security Reader on the subscription ${subscription}`;
      const place = subscriptions.length === 1 ? '' : ` of the subscription ${subscription}`;
      const subject = { check: 'plan', what: `plan ${plan}${place}` } as const;
      return runCheck(subject, role, async () => judge({ plan, subscription }, await readArm(path)));
    }),
  );
  return Promise.all(checks);
}

function judge({ plan, subscription }: Readonly<Record<'plan' | 'subscription', string>>, answer: unknown): TestResult {
  const tier = textOf(pick(answer, 'properties', 'pricingTier'));
  if (tier !== 'Standard') {
    const toDo = `Set pullgate:azure.enableDefender and run pulumi up, or run: az security pricing create --name ${plan} --tier Standard --subscription ${subscription}`;
    return { state: 'failed', found: `off (the tier is ${tier})`, toDo };
  }
  if (plan !== 'Containers') return { state: 'ok', found: 'on' };
  const extensions = pick(answer, 'properties', 'extensions');
  const scans = Array.isArray(extensions)
    ? extensions.filter(isObject).find((one) => textOf(pick(one, 'name')) === SCANS)
    : undefined;
  if (scans === undefined) {
    const found = `could not be checked: the plan is on, and its answer does not name its extension ${SCANS}`;
    return { state: 'unknown', found, toDo: "Look at the plan's settings in the portal." };
  }
  if (/^true$/i.test(textOf(pick(scans, 'isEnabled')))) return { state: 'ok', found: 'on' };
  const toDo = `Set pullgate:azure.enableDefender and run pulumi up, or turn the extension on in the plan's settings in the portal.`;
  return { state: 'failed', found: `on, but its extension ${SCANS} is off`, toDo };
}
