// The stack's registries, resolved through Azure Resource Manager: their login servers, and which kind of roles counts
// there.

import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Clients } from './clients.ts';
import { keyOf, type RegistryId, registryIn } from './registry-id.ts';
import type { StackSettings } from './settings.ts';

/** A registry of the stack that Resource Manager describes. */
export interface ResolvedRegistry {
  readonly kind: 'resolved';
  /** Its Resource Manager id, as the config has it. */
  readonly id: string;
  readonly name: string;
  /** The host that it answers at: not always NAME.azurecr.io. */
  readonly loginServer: string;
  /** Why pullgate cannot work there as things are: a person must act. */
  readonly problem: string | undefined;
}

/** A registry of the stack for which Resource Manager does not answer. */
export interface UnresolvedRegistry {
  readonly kind: 'unresolved';
  readonly id: string;
  readonly name: string;
  readonly problem: string;
}

/** A change of a registry's role mode is noticed after this time. */
const KNOWN_FOR_MILLISECONDS = 10 * MINUTE_MILLISECONDS;
const ROLES = {
  rbac: {
    mode: 'LegacyRegistryPermissions',
    role: 'pullgate gatekeeper (registries/read, pull/read, metadata/read, metadata/write)',
  },
  abac: {
    mode: 'AbacRepositoryPermissions',
    role: 'pullgate gatekeeper (registries/read, and as data actions repositories/metadata/read and write)',
  },
} as const;

type RegistrySettings = Pick<StackSettings, 'registries' | 'registryRoles'>;

export function createRegistries(
  { describeRegistry }: Pick<Clients, 'describeRegistry'>,
  { registries, registryRoles }: RegistrySettings,
  now: () => string,
) {
  const known = new Map<string, { readonly registry: ResolvedRegistry; readonly until: number }>();

  async function resolve(id: string): Promise<ResolvedRegistry> {
    const before = known.get(id);
    if (before !== undefined && Date.parse(now()) < before.until) return before.registry;
    const registry = await describe(id, describeRegistry, registryRoles);
    known.set(id, { registry, until: Date.parse(now()) + KNOWN_FOR_MILLISECONDS });
    return registry;
  }

  /** All registries of the stack. One for which Resource Manager does not answer keeps no other from being resolved. */
  function all(): Promise<readonly (ResolvedRegistry | UnresolvedRegistry)[]> {
    return Promise.all(registries.map((id) => resolve(id).catch((error: unknown) => unresolved(id, error))));
  }

  return {
    all,

    /** The stack's registry with this id; undefined if it is none of the stack's. */
    async find(wanted: RegistryId): Promise<ResolvedRegistry | undefined> {
      const id = registries.find((one) => keyOf(registryIn(one)) === keyOf(wanted));
      return id === undefined ? undefined : resolve(id);
    },

    /** The registries that can be worked with. */
    async usable(): Promise<readonly ResolvedRegistry[]> {
      const resolved = (await all()).filter((one) => one.kind === 'resolved');
      return resolved.filter(({ problem }) => problem === undefined);
    },
  };
}

export type Registries = ReturnType<typeof createRegistries>;

async function describe(
  id: string,
  describeRegistry: Clients['describeRegistry'],
  roles: StackSettings['registryRoles'],
): Promise<ResolvedRegistry> {
  const parts = registryIn(id);
  if (parts === undefined) throw new Error(`the id of a registry in settings.json is not one: ${id}`);
  const { loginServer, roleAssignmentMode } = await describeRegistry(parts);
  if (loginServer === undefined) throw new Error(`Resource Manager names no login server for ${id}`);
  const problem = problemOf(id, roleAssignmentMode ?? ROLES.rbac.mode, roles);
  return { kind: 'resolved', id, name: parts.name, loginServer, problem };
}

function problemOf(id: string, mode: string, roles: StackSettings['registryRoles']): string | undefined {
  if (mode === ROLES[roles].mode) return undefined;
  const [other] = (['rbac', 'abac'] as const).filter((one) => ROLES[one].mode === mode);
  if (other === undefined) return `the registry ${id} has the role mode ${mode}, which pullgate does not know`;
  return `the registry ${id} has the role mode ${mode}, and there the function's identity needs the role ${ROLES[other].role}, which this stack does not have: set pullgate:azure.registryRoles to ${other}, and run pulumi up (a stack for each role mode)`;
}

function unresolved(id: string, error: unknown): UnresolvedRegistry {
  const words = error instanceof Error ? error.message.slice(0, 200) : String(error);
  const problem = `Resource Manager does not answer for the registry ${id} (${words}): is it still there, and has the function's identity its role 'pullgate gatekeeper' on it? Take it out of pullgate:azure.registries, or run pulumi up`;
  return { kind: 'unresolved', id, name: id.slice(id.lastIndexOf('/') + 1), problem };
}
