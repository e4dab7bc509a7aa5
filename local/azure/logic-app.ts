// A Logic App of the Consumption plan, behind the callback URL of its Request trigger. It runs the workflow that
// azure/component/logic-app.ts defines, and rejects a definition with anything else.

import { createHash } from 'node:crypto';
import type { Agent } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../clock.ts';
import { type HttpCall, sendCall } from './http-call.ts';
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

/** One run in its history. */
export interface Run {
  readonly startedAt: Date;
  readonly succeeded: boolean;
  /** The action that failed, and the reason. */
  readonly error: string | undefined;
}

export interface LogicApp {
  /** Every run, in order. */
  readonly runs: readonly Run[];
  /**
   * Calls the trigger as any client with its address can: 202 if it starts a run, 401 for a wrong signature, 404 for
   * another path. The answer comes after the run has ended.
   */
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
      random: () => randomOf(runs.length),
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
    const { method, uri, headers, body, authentication, retryPolicy, ...unknown } = inputs;
    refuseUnknown(unknown, `the inputs of ${name}`);
    const { type, audience, ...more } = fieldsOf(authentication, `the authentication of ${name}`);
    refuseUnknown(more, `the authentication of ${name}`);
    if (type !== 'ManagedServiceIdentity' || typeof audience !== 'string')
      throw new Error(
        `the local Logic App supports only its managed identity with an audience; ${name} has ${JSON.stringify(authentication)}`,
      );
    const retries = retriesOf(retryPolicy, name);
    const template = compileTemplate({ method, uri, headers, body });
    return async (scope, principal) => {
      const given = template(scope) as HttpCall;
      const { token } = principals.issue(principal, audience);
      const sent = { ...given, headers: { ...given.headers, authorization: `Bearer ${token}` } };
      // Waiting times between retries pass at once. The cloud's clock does not move during a run.
      for (let left = retries; ; left--) {
        const answer = await sendCall(sent, agent).catch((error: Error) => ({ status: 0, body: error.message }));
        if (answer.status >= 200 && answer.status < 300) return answer;
        const mayPass = answer.status === 0 || answer.status === 408 || answer.status === 429 || answer.status >= 500;
        if (!mayPass || left === 0)
          throw new Error(`${given.method} ${given.uri} answered ${answer.status} ${answer.body}`);
      }
    };
  }

  function compileAction(name: string, action: unknown, previous: string | undefined): Action {
    const { type, inputs, runAfter, runtimeConfiguration, ...unknown } = fieldsOf(action, `the action ${name}`);
    refuseUnknown(unknown, `the action ${name}`);
    checkRuntime(runtimeConfiguration, name);
    const wanted = previous === undefined ? {} : { [previous]: ['Succeeded'] };
    if (!isDeepStrictEqual(runAfter, wanted))
      throw new Error(
        `the local Logic App runs each action after the success of the one above it; ${name} needs runAfter ${JSON.stringify(wanted)}; got ${JSON.stringify(runAfter)}`,
      );
    switch (type) {
      case 'Compose': {
        const template = compileTemplate(inputs);
        return { name, run: async (scope) => template(scope) };
      }
      case 'Http':
        return { name, run: compileHttp(name, fieldsOf(inputs, `the inputs of ${name}`)) };
      default:
        throw new Error(`the local Logic App supports only Compose and Http; ${name} is ${JSON.stringify(type)}`);
    }
  }

  return {
    runs,
    deploy(resource) {
      const { $schema, contentVersion, parameters, triggers, actions, outputs, ...unknown } = fieldsOf(
        resource.definition,
        `the definition of ${resource.id}`,
      );
      refuseUnknown(unknown, 'the definition');
      if (!/\/2016-06-01\/workflowdefinition\.json#$/.test(String($schema)) || contentVersion !== '1.0.0.0')
        throw new Error(`the local Logic App supports only the schema of 2016-06-01; got ${$schema} ${contentVersion}`);
      if (!isDeepStrictEqual([parameters, outputs], [{}, {}]))
        throw new Error(
          `the local Logic App does not support parameters or outputs; got ${JSON.stringify({ parameters, outputs })}`,
        );
      checkTriggers(triggers);
      const given = Object.entries(fieldsOf(actions, 'the actions'));
      const compiled = given.map(([name, action], index) => compileAction(name, action, given[index - 1]?.[0]));
      deployed = { resource, actions: compiled };
      const signature = new URL(resource.callbackUrl).searchParams.get('sig') ?? '';
      principals.secrets.push({ what: "the signature of the Logic App's address", value: signature });
    },
    async call(url, body) {
      if (deployed === undefined) throw new Error('no Logic App was deployed');
      const [asked, own] = [new URL(url), new URL(deployed.resource.callbackUrl)];
      if (asked.host !== own.host || asked.pathname !== own.pathname) return 404;
      const parameters = ['api-version', 'sp', 'sv', 'sig'];
      if (parameters.some((name) => asked.searchParams.get(name) !== own.searchParams.get(name))) return 401;
      // A disabled Logic App starts no run.
      // Source: https://learn.microsoft.com/en-us/azure/logic-apps/manage-logic-apps-with-azure-portal
      if (!deployed.resource.isEnabled) return 404;
      await run(JSON.parse(JSON.stringify(body)));
      return 202;
    },
  };
}

/** The same number for the same run, so that a test gives the same result each time. */
function randomOf(run: number): number {
  return createHash('sha256').update(String(run)).digest().readUInt32BE() / 2 ** 32;
}

function checkTriggers(triggers: unknown): void {
  const { manual, ...others } = fieldsOf(triggers, 'the triggers');
  const { runtimeConfiguration, ...trigger } = fieldsOf(manual, 'the trigger manual');
  checkRuntime(runtimeConfiguration, 'manual');
  if (!isDeepStrictEqual([trigger, others], [{ type: 'Request', kind: 'Http', inputs: { schema: {} } }, {}]))
    throw new Error(
      `the local Logic App supports only one trigger, a Request that accepts any body; got ${JSON.stringify(triggers)}`,
    );
}

/** Hiding data from the run's history has no effect on the run. */
function checkRuntime(given: unknown, name: string): void {
  if (given === undefined) return;
  const { secureData, ...unknown } = fieldsOf(given, `runtimeConfiguration of ${name}`);
  refuseUnknown(unknown, `runtimeConfiguration of ${name}`);
  const { properties, ...more } = fieldsOf(secureData, `secureData of ${name}`);
  refuseUnknown(more, `secureData of ${name}`);
  if (!Array.isArray(properties) || !properties.every((one) => one === 'inputs' || one === 'outputs'))
    throw new Error(`secureData of ${name} must hide inputs and outputs; got ${JSON.stringify(properties)}`);
}

/** Source: https://learn.microsoft.com/en-us/azure/logic-apps/error-exception-handling#retry-policies */
function retriesOf(policy: unknown, name: string): number {
  const { type, count, interval, minimumInterval, maximumInterval, ...unknown } = fieldsOf(
    policy,
    `retryPolicy of ${name}`,
  );
  refuseUnknown(unknown, `retryPolicy of ${name}`);
  const areDurations = [interval, minimumInterval, maximumInterval].every((duration) =>
    /^P(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$/.test(String(duration)),
  );
  if (type !== 'exponential' || !areDurations || !Number.isInteger(count) || Number(count) > 90)
    throw new Error(
      `the local Logic App supports only an exponential retryPolicy of up to 90 retries with its three intervals in ISO 8601; ${name} has ${JSON.stringify(policy)}`,
    );
  return Number(count);
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`the local Logic App needs ${what} as an object; got ${JSON.stringify(value)}`);
}

function refuseUnknown(fields: Fields, where: string): void {
  const [odd] = Object.keys(fields);
  if (odd !== undefined) throw new Error(`the local Logic App does not support ${odd} in ${where}`);
}
