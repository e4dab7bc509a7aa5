// The stack's registries, resolved through Azure Resource Manager: where they answer, and which kind of roles counts there.
import type { Clients } from './clients.ts';
import { keyOf, type RegistryId, registryIn } from './registry-id.ts';
import type { StackSettings } from './settings.ts';

/** A registry of the stack. */
export interface RegistryPlace {
  /** Its Resource Manager id, as the config has it. */
  readonly id: string;
  readonly name: string;
  /** Where it answers: not always NAME.azurecr.io. */
  readonly loginServer: string;
  /** Why pullgate cannot work there as things are: a person must act. */
  readonly problem: string | undefined;
}

/** A change of a registry's role mode is noticed after so long. */
const KNOWN_FOR_MILLISECONDS = 10 * 60_000;
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

export function createRegistries(
  { describeRegistry }: Pick<Clients, 'describeRegistry'>,
  { registries, registryRoles }: Pick<StackSettings, 'registries' | 'registryRoles'>,
  now: () => string,
) {
  const known = new Map<string, { readonly place: RegistryPlace; readonly until: number }>();

  /** The stack's registry with this id; undefined where it is none of the stack's. */
  async function find(wanted: RegistryId): Promise<RegistryPlace | undefined> {
    const id = registries.find((one) => keyOf(registryIn(one)) === keyOf(wanted));
    return id === undefined ? undefined : resolve(id);
  }

  async function resolve(id: string): Promise<RegistryPlace> {
    const before = known.get(id);
    if (before !== undefined && Date.parse(now()) < before.until) return before.place;
    const place = await ask(id);
    known.set(id, { place, until: Date.parse(now()) + KNOWN_FOR_MILLISECONDS });
    return place;
  }

  async function ask(id: string): Promise<RegistryPlace> {
    const parts = registryIn(id);
    if (parts === undefined) throw new Error(`the id of a registry in settings.json is not one: ${id}`);
    const { loginServer, roleAssignmentMode } = await describeRegistry(parts);
    if (loginServer === undefined) throw new Error(`Resource Manager names no login server for ${id}`);
    const mode = roleAssignmentMode ?? ROLES.rbac.mode;
    return { id, name: parts.name, loginServer, problem: problemOf(id, mode) };
  }

  function problemOf(id: string, mode: string): string | undefined {
    if (mode === ROLES[registryRoles].mode) return undefined;
    const [other] = (['rbac', 'abac'] as const).filter((roles) => ROLES[roles].mode === mode);
    if (other === undefined) return `the registry ${id} has the role mode ${mode}, which pullgate does not know`;
    return `the registry ${id} has the role mode ${mode}, and there the function's identity needs the role ${ROLES[other].role}, which this stack does not have: set pullgate:azure.registryRoles to ${other}, and run pulumi up (a stack for each role mode)`;
  }

  /** All registries of the stack. Where Resource Manager does not answer for one, that is its problem, and not that of the others. */
  function all(): Promise<readonly RegistryPlace[]> {
    return Promise.all(registries.map((id) => resolve(id).catch((error: unknown) => unresolved(id, error))));
  }

  /** Those that can be worked with. */
  async function usable(): Promise<readonly RegistryPlace[]> {
    return (await all()).filter(({ problem }) => problem === undefined);
  }

  return { find, all, usable };
}

export type Registries = ReturnType<typeof createRegistries>;

function unresolved(id: string, error: unknown): RegistryPlace {
  const words = error instanceof Error ? error.message.slice(0, 200) : String(error);
  const problem = `Resource Manager does not answer for the registry ${id} (${words}): is it still there, and has the function's identity its role 'pullgate gatekeeper' on it? Take it out of pullgate:azure.registries, or run pulumi up`;
  return { id, name: id.slice(id.lastIndexOf('/') + 1), loginServer: '', problem };
}
