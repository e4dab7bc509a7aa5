// A Logic App of the Consumption plan: its workflow definition, interpreted, behind the callback URL of its Request trigger.

import type { Agent } from 'node:https';
import { request } from 'node:https';
import type { Clock } from '../clock.ts';
import type { Principal, Principals } from './principals.ts';
import { compileTemplate, type ExpressionScope } from './workflow-expression.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface LogicAppResource {
  readonly id: string;
  /** The system-assigned identity. */
  readonly principal: Principal;
  readonly isEnabled: boolean;
  readonly definition: unknown;
  /** The address of the trigger `manual`, with its signature. */
  readonly callbackUrl: string;
}

/** One run, as its history would tell of it. */
export interface Run {
  readonly startedAt: Date;
  readonly succeeded: boolean;
  /** The action that failed, and why. */
  readonly error: string | undefined;
}

export interface LogicApp {
  /** Every run, in order. */
  readonly runs: readonly Run[];
  /** Calls the trigger as anybody can who has its address: 202 where it starts a run, 401 with a wrong signature, 404 elsewhere. The run is over when it answers. */
  call(url: string, body: unknown): Promise<number>;
}

export interface RunningLogicApp extends LogicApp {
  deploy(resource: LogicAppResource): void;
}

interface Parts {
  readonly clock: Clock;
  readonly principals: Principals;
  readonly agent: Agent;
}

interface Action {
  readonly name: string;
  readonly after: readonly string[];
  readonly run: (scope: ExpressionScope, principal: Principal) => Promise<unknown>;
}

export function createLogicApp({ clock, principals, agent }: Parts): RunningLogicApp {
  const runs: Run[] = [];
  let deployed: { readonly resource: LogicAppResource; readonly actions: readonly Action[] } | undefined;

  async function run(body: unknown): Promise<void> {
    if (deployed === undefined) throw new Error('no Logic App was deployed');
    const { resource, actions } = deployed;
    const startedAt = clock.now();
    const outputs = new Map<string, unknown>();
    const scope: ExpressionScope = {
      now: startedAt,
      triggerBody: body,
      outputs(action) {
        if (!outputs.has(action)) throw new Error(`the action ${action} has not run`);
        return outputs.get(action);
      },
    };
    for (const action of actions) {
      try {
        outputs.set(action.name, await action.run(scope, resource.principal));
      } catch (error) {
        runs.push({
          startedAt,
          succeeded: false,
          error: `${action.name}: ${error instanceof Error ? error.message : error}`,
        });
        return;
      }
    }
    runs.push({ startedAt, succeeded: true, error: undefined });
  }

  function compileHttp(name: string, inputs: Fields): Action['run'] {
    const { method, uri, headers = {}, body, authentication, retryPolicy, ...unknown } = inputs;
    refuseUnknown(unknown, `the inputs of ${name}`);
    const { type, audience, ...more } = fieldsOf(authentication, `the authentication of ${name}`);
    refuseUnknown(more, `the authentication of ${name}`);
    if (type !== 'ManagedServiceIdentity' || typeof audience !== 'string')
      throw new Error(
        `the local Logic App calls with its managed identity for an audience; ${name} has ${JSON.stringify(authentication)}`,
      );
    const retries = retriesOf(retryPolicy, name);
    const template = compileTemplate({ method, uri, headers, body });
    return async (scope, principal) => {
      const given = template(scope) as { method: string; uri: string; headers: Record<string, string>; body: unknown };
      const { token } = principals.issue(principal, audience);
      const sent = { ...given, headers: { ...given.headers, authorization: `Bearer ${token}` } };
      // The waiting times between the tries pass at once: the cloud's clock stands still meanwhile.
      for (let left = retries; ; left--) {
        const answer = await send(sent, agent).catch((error: Error) => ({ status: 0, body: error.message }));
        if (answer.status >= 200 && answer.status < 300) return answer;
        const mayPass = answer.status === 0 || answer.status === 408 || answer.status === 429 || answer.status >= 500;
        if (!mayPass || left === 0)
          throw new Error(`${given.method} ${given.uri} answered ${answer.status} ${answer.body}`);
      }
    };
  }

  function compileAction(name: string, action: unknown): Action {
    const { type, inputs, runAfter = {}, runtimeConfiguration, ...unknown } = fieldsOf(action, `the action ${name}`);
    refuseUnknown(unknown, `the action ${name}`);
    checkRuntime(runtimeConfiguration, name);
    const after = Object.entries(fieldsOf(runAfter, `runAfter of ${name}`)).map(([before, statuses]) => {
      if (JSON.stringify(statuses) !== '["Succeeded"]')
        throw new Error(`the local Logic App runs ${name} after success only; given ${JSON.stringify(statuses)}`);
      return before;
    });
    switch (type) {
      case 'Compose': {
        const template = compileTemplate(inputs);
        return { name, after, run: async (scope) => template(scope) };
      }
      case 'Http':
        return { name, after, run: compileHttp(name, fieldsOf(inputs, `the inputs of ${name}`)) };
      default:
        throw new Error(`the local Logic App knows Compose and Http; ${name} is ${JSON.stringify(type)}`);
    }
  }

  return {
    runs,
    deploy(resource) {
      const {
        $schema,
        contentVersion,
        parameters = {},
        triggers,
        actions,
        outputs = {},
        ...unknown
      } = fieldsOf(resource.definition, `the definition of ${resource.id}`);
      refuseUnknown(unknown, 'the definition');
      if (!/\/2016-06-01\/workflowdefinition\.json#$/.test(String($schema)) || contentVersion !== '1.0.0.0')
        throw new Error(`the local Logic App knows the schema of 2016-06-01; given ${$schema} ${contentVersion}`);
      for (const empty of [parameters, outputs])
        refuseUnknown(fieldsOf(empty, 'parameters and outputs'), 'parameters and outputs');
      checkTriggers(fieldsOf(triggers, 'the triggers'));
      const compiled = Object.entries(fieldsOf(actions, 'the actions')).map(([name, action]) =>
        compileAction(name, action),
      );
      deployed = { resource, actions: inOrder(compiled) };
      const signature = new URL(resource.callbackUrl).searchParams.get('sig') ?? '';
      principals.secrets.push({ what: "the signature of the Logic App's address", value: signature });
    },
    async call(url, body) {
      if (deployed === undefined) throw new Error('no Logic App was deployed');
      const [asked, own] = [new URL(url), new URL(deployed.resource.callbackUrl)];
      if (asked.host !== own.host || asked.pathname !== own.pathname) return 404;
      const parameters = ['api-version', 'sp', 'sv', 'sig'];
      if (parameters.some((name) => asked.searchParams.get(name) !== own.searchParams.get(name))) return 401;
      // A disabled one starts no run. Source: https://learn.microsoft.com/en-us/azure/logic-apps/manage-logic-apps-with-azure-portal
      if (!deployed.resource.isEnabled) return 404;
      await run(JSON.parse(JSON.stringify(body)));
      return 202;
    },
  };
}

function checkTriggers(triggers: Fields): void {
  const { manual, ...others } = triggers;
  refuseUnknown(others, 'the triggers');
  const { type, kind, inputs, runtimeConfiguration, ...unknown } = fieldsOf(manual, 'the trigger manual');
  refuseUnknown(unknown, 'the trigger manual');
  checkRuntime(runtimeConfiguration, 'manual');
  const { schema, ...more } = fieldsOf(inputs, 'the inputs of manual');
  refuseUnknown(more, 'the inputs of manual');
  if (type !== 'Request' || kind !== 'Http' || JSON.stringify(schema) !== '{}')
    throw new Error(`the local Logic App knows a Request trigger that takes any body; given ${JSON.stringify(manual)}`);
}

/** What is kept out of the run's history changes nothing of the run. */
function checkRuntime(given: unknown, name: string): void {
  if (given === undefined) return;
  const { secureData, ...unknown } = fieldsOf(given, `runtimeConfiguration of ${name}`);
  refuseUnknown(unknown, `runtimeConfiguration of ${name}`);
  const { properties, ...more } = fieldsOf(secureData, `secureData of ${name}`);
  refuseUnknown(more, `secureData of ${name}`);
  if (!Array.isArray(properties) || !properties.every((one) => one === 'inputs' || one === 'outputs'))
    throw new Error(`secureData of ${name} hides inputs and outputs; given ${JSON.stringify(properties)}`);
}

/** Source: https://learn.microsoft.com/en-us/azure/logic-apps/error-exception-handling#retry-policies */
function retriesOf(policy: unknown, name: string): number {
  if (policy === undefined) return 4;
  const { type, count, interval, minimumInterval, maximumInterval, ...unknown } = fieldsOf(
    policy,
    `retryPolicy of ${name}`,
  );
  refuseUnknown(unknown, `retryPolicy of ${name}`);
  if (type === 'none') return 0;
  for (const duration of [interval, minimumInterval, maximumInterval]) {
    if (duration !== undefined && !/^P(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$/.test(String(duration)))
      throw new Error(`retryPolicy of ${name} has ISO 8601 durations; given ${duration}`);
  }
  if (
    (type !== 'exponential' && type !== 'fixed') ||
    interval === undefined ||
    !Number.isInteger(count) ||
    !(Number(count) <= 90)
  )
    throw new Error(
      `retryPolicy of ${name} is exponential or fixed, with an interval and up to 90 tries; given ${JSON.stringify(policy)}`,
    );
  return Number(count);
}

/** Each after those that it waits for. */
function inOrder(actions: readonly Action[]): readonly Action[] {
  const ordered: Action[] = [];
  for (let left = [...actions]; left.length > 0; ) {
    const ready = left.filter(({ after }) => after.every((name) => ordered.some((done) => done.name === name)));
    if (ready.length === 0)
      throw new Error(`actions wait for each other, or for one that is not there: ${left.map(({ name }) => name)}`);
    ordered.push(...ready);
    left = left.filter((action) => !ready.includes(action));
  }
  return ordered;
}

function send(
  {
    method,
    uri,
    headers,
    body,
  }: { method: string; uri: string; headers: Readonly<Record<string, string>>; body: unknown },
  agent: Agent,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(uri, { method, headers: { ...headers }, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body === null || body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`the local Logic App needs ${what} as an object; given ${JSON.stringify(value)}`);
}

function refuseUnknown(fields: Fields, where: string): void {
  const [odd] = Object.keys(fields);
  if (odd !== undefined) throw new Error(`the local Logic App does not know ${odd} in ${where}`);
}
