// A role, and what it permits.

/** Patterns may hold `*`. */
export interface Permission {
  readonly actions: readonly string[];
  readonly notActions?: readonly string[];
  readonly dataActions: readonly string[];
  readonly notDataActions?: readonly string[];
}

/** A role: built in, or a custom one of the graph (azure-native:authorization:RoleDefinition). */
export interface RoleDefinition {
  /** The GUID, by which an assignment names it. */
  readonly id: string;
  readonly name: string;
  readonly permissions: readonly Permission[];
}
