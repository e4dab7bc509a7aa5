// A role and the actions that it permits.

/** Patterns may contain `*`. */
export interface Permission {
  readonly actions: readonly string[];
  readonly notActions?: readonly string[];
  readonly dataActions: readonly string[];
  readonly notDataActions?: readonly string[];
}

/** A role: built in, or a custom role of the graph (azure-native:authorization:RoleDefinition). */
export interface RoleDefinition {
  /** The GUID that identifies it in an assignment. */
  readonly id: string;
  readonly name: string;
  readonly permissions: readonly Permission[];
}
