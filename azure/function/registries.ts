// The stack's registries, resolved through Azure Resource Manager: their login servers and their role modes.

import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Clients } from './clients.ts';
import { keyOf, type RegistryId, registryIn } from './registry-id.ts';
import type { StackSettings } from './settings.ts';

/** A registry of the stack, as Resource Manager describes it. */
export interface ResolvedRegistry {
  readonly kind: 'resolved';
  /** Its Resource Manager id, as written in the config. */
  readonly id: string;
  readonly name: string;
  /** The host of the registry. It is not always NAME.azurecr.io. */
  readonly loginServer: string;
  /** Why pullgate cannot work with the registry until a person fixes it. */
  readonly problem: string | undefined;
}

/** A registry of the stack that Resource Manager did not describe. */
export interface UnresolvedRegistry {
  readonly kind: 'unresolved';
  readonly id: string;
  readonly name: string;
  readonly problem: string;
}

/** How long a description is reused. A change of a registry's role mode is noticed after this time. */
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

  /** All registries of the stack. If Resource Manager fails for one of them, the others are still resolved. */
  function all(): Promise<readonly (ResolvedRegistry | UnresolvedRegistry)[]> {
    return Promise.all(registries.map((id) => resolve(id).catch((error: unknown) => unresolved(id, error))));
  }

  return {
    all,

    /** The stack's registry with this id. Undefined if no registry of the stack has it. */
    async find(wanted: RegistryId): Promise<ResolvedRegistry | undefined> {
      const id = registries.find((one) => keyOf(registryIn(one)) === keyOf(wanted));
      return id === undefined ? undefined : resolve(id);
    },

    /** The registries that pullgate can work with. */
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
  if (parts === undefined) throw new Error(`settings.json contains an invalid registry id: ${id}`);
  const { loginServer, roleAssignmentMode } = await describeRegistry(parts);
  if (loginServer === undefined) throw new Error(`Resource Manager returned no login server for ${id}`);
  const problem = problemOf(id, roleAssignmentMode ?? ROLES.rbac.mode, roles);
  return { kind: 'resolved', id, name: parts.name, loginServer, problem };
}

function problemOf(id: string, mode: string, roles: StackSettings['registryRoles']): string | undefined {
  if (mode === ROLES[roles].mode) return undefined;
  const [other] = (['rbac', 'abac'] as const).filter((one) => ROLES[one].mode === mode);
  if (other === undefined) return `the registry ${id} has the role mode ${mode}, which pullgate does not support`;
  return `the registry ${id} has the role mode ${mode}, so the function's identity needs the role ${ROLES[other].role}, which this stack does not assign. Set pullgate:azure.registryRoles to ${other}, and run pulumi up. Registries with different role modes need separate stacks`;
}

function unresolved(id: string, error: unknown): UnresolvedRegistry {
  const words = error instanceof Error ? error.message.slice(0, 200) : String(error);
  const problem = `Resource Manager did not describe the registry ${id} (${words}). Check that the registry exists, and that the function's identity has the role 'pullgate gatekeeper' on it. If it was deleted, remove it from pullgate:azure.registries; otherwise run pulumi up`;
  return { kind: 'unresolved', id, name: id.slice(id.lastIndexOf('/') + 1), problem };
}
