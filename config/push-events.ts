// The setting `azure.pushEvents`: whether the registries' pushes and deletions reach the function at once.
import * as v from 'valibot';
import { closedObject, type Problem } from '../shared/runtime/problem.ts';

/** The checked setting. */
export interface PushEvents {
  /** The ARM ids of the system topics that exist already, by the name of their registry. */
  readonly topics: { [registry: string]: string };
}

const TOPIC =
  'the ARM id of an Event Grid system topic, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.EventGrid/systemTopics/NAME';
const BY_REGISTRY = 'an object with the name of a registry for each system topic';

/**
 * The schema: true, false, or an object that names topics.
 *
 * @param inGroup the pattern of an ARM id up to the resource's provider
 */
export function pushEventsSchema(inGroup: string) {
  // https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsofteventgrid
  const id = new RegExp(`^${inGroup}/Microsoft[.]EventGrid/systemTopics/[-a-z0-9]{3,50}$`, 'iu');
  const topic = v.pipe(v.string(TOPIC), v.regex(id, TOPIC));
  const named = closedObject(
    { topics: v.optional(v.record(v.string(), topic, BY_REGISTRY), {}) },
    'true, false, or an object, such as { "topics": { "NAME": "/subscriptions/..." } }',
  );
  const flag = v.pipe(
    v.boolean(),
    v.transform((isOn) => (isOn ? { topics: {} } : undefined)),
  );
  return v.lazy(
    (given): v.GenericSchema<unknown, PushEvents | undefined> => (typeof given === 'boolean' ? flag : named),
  );
}

/** Reports topics of registries that the stack does not have. */
export function pushEventsProblems(
  registries: readonly string[],
  pushEvents: PushEvents | undefined,
  key: string,
): readonly Problem[] {
  const names = registries.map((id) => id.slice(id.lastIndexOf('/') + 1));
  const known = names.map((name) => name.toLowerCase());
  return Object.entries(pushEvents?.topics ?? {})
    .filter(([name]) => !known.includes(name.toLowerCase()))
    .map(([name, given]) => ({
      key: `${key}.topics.${name}`,
      given,
      allowed: `a topic of one of the stack's registries: ${names.join(', ') || 'none'}`,
    }));
}
