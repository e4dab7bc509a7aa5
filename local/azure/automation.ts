// Workflow automations of Defender for Cloud: decides which events match an automation's rules.
// Source: https://learn.microsoft.com/en-us/rest/api/defenderforcloud/automations/create-or-update

/** A kind of event. The snapshots are the weekly export of everything. */
export type EventSource = (typeof EVENT_SOURCES)[number];
const EVENT_SOURCES = ['Assessments', 'AssessmentsSnapshot', 'SubAssessments', 'SubAssessmentsSnapshot'] as const;

export interface AutomationRule {
  readonly propertyJPath: string;
  readonly propertyType: string;
  readonly operator: string;
  readonly expectedValue: string;
}

export interface AutomationSource {
  readonly eventSource: string;
  /** The rule sets. An event matches if it matches every rule of at least one set, or if there are no sets. */
  readonly ruleSets?: readonly { readonly rules?: readonly AutomationRule[] }[];
}

export interface Automation {
  readonly id: string;
  readonly isEnabled: boolean;
  /** ARM ids: a subscription, or a resource group. */
  readonly scopes: readonly string[];
  readonly sources: readonly AutomationSource[];
  readonly actions: readonly AutomationAction[];
}

export type AutomationAction =
  | { readonly kind: 'LogicApp'; readonly logicAppId: string; readonly uri: string }
  | { readonly kind: 'Workspace'; readonly workspaceId: string };

/** An event in the form that an automation evaluates. */
export interface SecurityEvent {
  readonly source: EventSource;
  /** The assessment as in ARM, with the fields that the event adds. */
  readonly body: { readonly id: string; readonly [key: string]: unknown };
}

/** Text comparison ignores case. Source: the operator's description in the API specification. */
const ON_TEXTS: Readonly<Record<string, (given: string, expected: string) => boolean>> = {
  Equals: (given, expected) => given === expected,
  NotEquals: (given, expected) => given !== expected,
  Contains: (given, expected) => given.includes(expected),
  StartsWith: (given, expected) => given.startsWith(expected),
  EndsWith: (given, expected) => given.endsWith(expected),
};

/**
 * Checks an automation.
 *
 * @throws Error for an unsupported kind of event, rule or scope; nothing is guessed
 */
export function checkAutomation({ id, scopes, sources }: Automation): void {
  if (scopes.length === 0) throw new Error(`the automation ${id} has no scope, so it would receive no events`);
  for (const scope of scopes) {
    if (!/^\/subscriptions\/[^/]+(\/resourceGroups\/[^/]+)?$/i.test(scope))
      throw new Error(`the scope of an automation must be a subscription or a resource group; ${id} has ${scope}`);
  }
  for (const { eventSource, ruleSets = [] } of sources) {
    if (!EVENT_SOURCES.some((known) => known === eventSource))
      throw new Error(`the local Defender does not send ${eventSource} events; it sends ${EVENT_SOURCES.join(', ')}`);
    for (const { rules = [] } of ruleSets) {
      if (rules.length === 0)
        throw new Error(`a rule set of ${id} has no rule; the documentation does not say what it matches`);
      for (const rule of rules) checkRule(rule);
    }
  }
}

/** Whether an automation receives an event. */
export function matchesAutomation(automation: Automation, event: SecurityEvent): boolean {
  if (!automation.isEnabled || !automation.scopes.some((scope) => isWithin(event.body.id, scope))) return false;
  return automation.sources.some(({ eventSource, ruleSets = [] }) => {
    if (eventSource !== event.source) return false;
    if (ruleSets.length === 0) return true;
    return ruleSets.some(({ rules = [] }) => rules.every((rule) => matchesRule(rule, event.body)));
  });
}

function checkRule({ propertyJPath, propertyType, operator, expectedValue }: AutomationRule): void {
  if (propertyType !== 'String')
    throw new Error(`the local Defender compares only text; the rule on ${propertyJPath} is of type ${propertyType}`);
  if (ON_TEXTS[operator] === undefined)
    throw new Error(
      `the local Defender supports the text operators ${Object.keys(ON_TEXTS).join(', ')}; got ${operator}`,
    );
  if (typeof expectedValue !== 'string')
    throw new Error(`the rule on ${propertyJPath} expects text; got ${JSON.stringify(expectedValue)}`);
  if (!/^[\w]+(\.[\w]+)*$/.test(propertyJPath))
    throw new Error(`the local Defender supports only paths such as properties.status.code; got ${propertyJPath}`);
}

/**
 * A missing value matches no rule. That NotEquals does not match either is an assumption, because the behavior is not
 * documented. Keys are case-sensitive.
 */
function matchesRule({ propertyJPath, operator, expectedValue }: AutomationRule, body: SecurityEvent['body']): boolean {
  const value = propertyJPath
    .split('.')
    .reduce<unknown>((found, key) => (isFields(found) ? found[key] : undefined), body);
  if (value === undefined || value === null) return false;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return ON_TEXTS[operator]?.(text.toLowerCase(), expectedValue.toLowerCase()) ?? false;
}

function isWithin(id: string, scope: string): boolean {
  return `${id}/`.toLowerCase().startsWith(`${scope}/`.toLowerCase());
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
