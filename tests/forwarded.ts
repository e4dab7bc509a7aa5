// Messages as the Logic App creates them from events, for tests that put messages on the queue themselves.

/** The message of an event, without the time of its arrival. */
export function forwarded(event: { readonly id: string; readonly [key: string]: unknown }) {
  const { properties, assessmentEventDataEnrichment } = event as Readonly<Record<string, object | undefined>>;
  const { resourceDetails, resourceAdditionalData } = (properties ?? {}) as Readonly<Record<string, unknown>>;
  return {
    assessment: event.id,
    resourceDetails: textOf(resourceDetails),
    resourceAdditionalData: textOf(resourceAdditionalData),
    assessmentEventDataEnrichment: textOf(assessmentEventDataEnrichment),
  };
}

/** The format of `string()` in the workflow language. */
function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
