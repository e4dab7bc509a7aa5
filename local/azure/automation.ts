// Workflow automations of Defender for Cloud: which events match an automation's rules.
// Source: https://learn.microsoft.com/en-us/rest/api/defenderforcloud/automations/create-or-update

/** A kind of event. The snapshots are the weekly dump of everything. */
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
  /** One set that matches is enough; of a set every rule has to. Without sets every event matches. */
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

/** An event as an automation sees it. */
export interface SecurityEvent {
  readonly source: EventSource;
  /** What it is about: the assessment as ARM gives it, with what the event adds. */
  readonly body: { readonly id: string; readonly [key: string]: unknown };
}

/** Texts are compared without regard to case. Source: the operator's description in the interface's specification. */
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
 * @throws Error on a kind of event, a rule or a scope that is not known here: nothing is guessed
 */
export function checkAutomation({ id, scopes, sources }: Automation): void {
  if (scopes.length === 0) throw new Error(`the automation ${id} has no scope: it would hear of nothing`);
  for (const scope of scopes) {
    if (!/^\/subscriptions\/[^/]+(\/resourceGroups\/[^/]+)?$/i.test(scope))
      throw new Error(`the scope of an automation is a subscription or a resource group; ${id} has ${scope}`);
  }
  for (const { eventSource, ruleSets = [] } of sources) {
    if (!EVENT_SOURCES.some((known) => known === eventSource))
      throw new Error(`the local Defender has no events ${eventSource}: it has ${EVENT_SOURCES.join(', ')}`);
    for (const { rules = [] } of ruleSets) {
      if (rules.length === 0) throw new Error(`a rule set of ${id} has no rule: what it matches is not documented`);
      for (const rule of rules) checkRule(rule);
    }
  }
}

/** Whether an automation hears of an event. */
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
    throw new Error(`the local Defender compares texts only; the rule on ${propertyJPath} is of type ${propertyType}`);
  if (ON_TEXTS[operator] === undefined)
    throw new Error(`the local Defender knows ${Object.keys(ON_TEXTS).join(', ')} of texts; given ${operator}`);
  if (typeof expectedValue !== 'string')
    throw new Error(`the rule on ${propertyJPath} expects a text; given ${JSON.stringify(expectedValue)}`);
  if (!/^[\w]+(\.[\w]+)*$/.test(propertyJPath))
    throw new Error(`the local Defender knows paths such as properties.status.code; given ${propertyJPath}`);
}

/**
 * What is absent matches no rule; that it does not match NotEquals either is a choice, for nothing is documented. Keys
 * count with their case.
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
