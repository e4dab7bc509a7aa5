// Whether gates are closed.

/** The mode of the stack's config: `enforce` closes; `audit` decides, logs and notifies. */
export type ConfiguredMode = 'enforce' | 'audit';

/**
 * That, or what a command asks for. `pause`: everything opens and nothing closes; `release`: the same once, for a gate.
 */
export type EffectiveMode = ConfiguredMode | 'pause' | 'release';
