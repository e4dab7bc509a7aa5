// What the Logic App makes of an event, without running it: for messages that a test puts on the queue itself.

/** The message of an event, but for the time at which it came. */
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

/** As `string()` of the workflow's language writes it. */
function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
