// Deploys an AcrPullGate under mocks, and records its resources, their dependencies and the secret values.
import * as pulumi from '@pulumi/pulumi';
import { vi } from 'vitest';
import { AcrPullGate, type AcrPullGateArgs, type AcrPullGateOutputs } from '../../../azure/component/pull-gate.ts';
import { answerCall, answerRegistration, placeOf } from '../../../local/graph-mocks.ts';

export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The names of the secret inputs. */
  readonly secrets: readonly string[];
  readonly id: string;
  urn: string;
  /** The URNs of the resources that it depends on. */
  readonly dependencies: readonly string[];
  readonly ignoreChanges: readonly string[];
  readonly retainOnDelete: boolean;
  /** Whether Pulumi refuses to delete it. */
  readonly protect: boolean;
}

export interface Deployment {
  readonly outputs: AcrPullGateOutputs;
  readonly registered: readonly Registered[];
}

export const SUBSCRIPTION = '00000000-1111-2222-3333-444444444444';
export const IN_SUBSCRIPTION = `/subscriptions/${SUBSCRIPTION}`;
export const registryId = (name: string, subscription = SUBSCRIPTION) =>
  `/subscriptions/${subscription}/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/${name}`;

export const ARGS: AcrPullGateArgs = {
  severityThreshold: 'high',
  policy: { exploited: 'medium' },
  mode: 'enforce',
  sweepHours: 6,
  maxClosesPerHour: 250,
  maxClosesPerDay: 1000,
  notifyEmails: [],
  registries: [registryId('contoso')],
  granularity: 'image',
  registryRoles: 'rbac',
  enableDefender: false,
  logRetentionDays: 90,
  now: '2026-11-22T08:00:00.000Z',
};

const deployments = new Map<string, Promise<Deployment>>();
let last: Promise<unknown> = Promise.resolve();

/**
 * Deploys a component, once per set of arguments. Deployments run one at a time, because Pulumi has a single runtime.
 */
export function deploy(args: Partial<AcrPullGateArgs> = {}): Promise<Deployment> {
  const key = JSON.stringify(args);
  const known = deployments.get(key);
  if (known !== undefined) return known;
  const deployment = last.then(() => deployAnew({ ...ARGS, ...args }));
  last = deployment.catch(() => undefined);
  deployments.set(key, deployment);
  return deployment;
}

/** The parts of a registration that tests read. */
interface Request {
  getDependenciesList(): string[];
  getIgnorechangesList(): string[];
  getRetainondelete(): boolean;
  getProtect(): boolean;
}
interface Monitor {
  registerResource(
    request: Request,
    done: (error: unknown, response: { getUrn(): string } | undefined) => void,
  ): Promise<void>;
}

/** Deploys a component with just these arguments, while no other deployment runs. */
export async function deployAnew(args: AcrPullGateArgs): Promise<Deployment> {
  const places = placeOf({});
  const registered: Registered[] = [];
  const made: Pick<Registered, 'type' | 'name' | 'inputs' | 'secrets' | 'id'>[] = [];
  // answerCall and answerRegistration throw on anything that they do not know.
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs, custom }) {
        const { id, state } =
          custom === false ? { id: '', state: {} } : answerRegistration(places, 'dev', { type, name, inputs });
        const secrets = Object.keys(inputs).filter((input) => pulumi.runtime.isRpcSecret(inputs[input]));
        const known = Object.entries(inputs).map(([input, value]) => [input, pulumi.runtime.unwrapRpcSecret(value)]);
        made.push({ type, name, id, inputs: Object.fromEntries(known), secrets });
        return { id, state };
      },
      call: ({ token, inputs }) => answerCall(places, token, inputs),
    },
    'pullgate',
    'dev',
    false,
    'organization',
  );
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, done) => {
    made.length = 0;
    const registering = register(request, (error, response) => {
      if (entry !== undefined && response !== undefined) entry.urn = response.getUrn();
      done(error, response);
    });
    const [newest] = made;
    const entry: Registered | undefined =
      newest === undefined
        ? undefined
        : {
            ...newest,
            urn: '',
            dependencies: request.getDependenciesList(),
            ignoreChanges: request.getIgnorechangesList(),
            retainOnDelete: request.getRetainondelete(),
            protect: request.getProtect(),
          };
    if (entry !== undefined) registered.push(entry);
    return registering;
  };
  const { outputs } = new AcrPullGate('pullgate', args);
  await pulumi.runtime.disconnect();
  return { outputs, registered };
}

/** Deploys a component that fails, and returns what it registered before that and the messages of all failures. */
export async function deployFailing(
  args: AcrPullGateArgs,
): Promise<Pick<Deployment, 'registered'> & { readonly failures: readonly string[] }> {
  const failures: string[] = [];
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', ({ message }: Error) => failures.push(message));
  const errors = vi.spyOn(console, 'error').mockImplementation(() => {});
  try {
    const { registered } = await deployAnew(args);
    await new Promise(setImmediate);
    return { registered, failures };
  } finally {
    errors.mockRestore();
    process.removeAllListeners('unhandledRejection');
    for (const listener of others) process.on('unhandledRejection', listener);
  }
}

/** The number of resources of each type. */
export function counts({ registered }: Deployment): Record<string, number> {
  const byType: Record<string, number> = {};
  for (const { type } of registered) byType[type] = (byType[type] ?? 0) + 1;
  return byType;
}

/** The only resource of this type and name. */
export function one({ registered }: Deployment, type: string, name: string): Registered {
  const [found, ...others] = registered.filter((resource) => resource.type === type && resource.name === name);
  if (found === undefined || others.length > 0) {
    const names = registered.filter((resource) => resource.type === type).map((resource) => resource.name);
    throw new Error(`expected one ${type} ${name}; the names of this type are: ${names.join(', ')}`);
  }
  return found;
}

export const outputOf = <T>(output: pulumi.Output<T>): Promise<T> =>
  (output as pulumi.Output<T> & { promise(): Promise<T> }).promise();
