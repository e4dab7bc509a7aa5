// The mode: whether pullgate closes gates.

/** The mode in the stack's config. `enforce` closes gates; `audit` only decides, logs and notifies. */
export type ConfiguredMode = 'enforce' | 'audit';

/** The configured mode, or a command's. `pause`: all gates open and none closes; `release`: one gate opens, once. */
export type EffectiveMode = ConfiguredMode | 'pause' | 'release';
