// Triggers: what requests a reconciliation (an event, the schedule or a command).

/**
 * The triggers of the function. `settings` is a sweep because the settings changed, or because a pause began or ended;
 * `sweep` is any other one. `lock`: a lock is missing or has another form, or someone else may have changed it.
 */
export const FUNCTION_TRIGGERS = ['finding', 'scan', 'push', 'delete', 'settings', 'sweep', 'tick', 'lock'] as const;
export type FunctionTrigger = (typeof FUNCTION_TRIGGERS)[number];
/** Commands that a person runs. A command uses only the record and does not observe images. */
const COMMANDS = ['pause', 'release', 'override'] as const;
export type CommandTrigger = (typeof COMMANDS)[number];
export const TRIGGERS = [...FUNCTION_TRIGGERS, ...COMMANDS] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Is a lock the only reason to reconcile? */
export function isAboutLock(triggers: readonly Trigger[]): boolean {
  return triggers.every((trigger) => trigger === 'lock');
}

/** Those that say that something has just happened to images of the gate. */
const EVENTS: readonly Trigger[] = ['finding', 'scan', 'push', 'delete'];

/** Did an event request the reconciliation? */
export function isByEvent(triggers: readonly Trigger[]): boolean {
  return triggers.some((trigger) => EVENTS.includes(trigger));
}

/** Does a command reconcile, not the function? Messages never have these triggers. */
export function isByCommand(triggers: readonly Trigger[]): boolean {
  return COMMANDS.some((command) => triggers.includes(command));
}
