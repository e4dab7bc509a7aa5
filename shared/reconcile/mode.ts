// The mode: whether pullgate closes gates.

/** The mode in the stack's config. `enforce` closes gates; `audit` only decides, logs and notifies. */
export type ConfiguredMode = 'enforce' | 'audit';

/** What takes precedence over the mode. `pause`: all gates open and none closes; `release`: one gate opens, once. */
export type Suspension = 'pause' | 'release';

/** The mode of a gate now. */
export type EffectiveMode = ConfiguredMode | Suspension;
