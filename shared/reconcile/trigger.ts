// What asks for a reconciliation: an event, the schedule or a command.

/** What wakes the function for a gate. */
export const FUNCTION_TRIGGERS = ['finding', 'scan', 'push', 'delete', 'sweep', 'tick'] as const;
export type FunctionTrigger = (typeof FUNCTION_TRIGGERS)[number];
/** A command that a person runs. A command acts on the record alone and observes no images. */
const COMMANDS = ['pause', 'release', 'override'] as const;
export type CommandTrigger = (typeof COMMANDS)[number];
export const TRIGGERS = [...FUNCTION_TRIGGERS, ...COMMANDS] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Does a command reconcile, and not the function? No message can say so. */
export function isByCommand(triggers: readonly Trigger[]): boolean {
  return COMMANDS.some((command) => triggers.includes(command));
}
