// Splits a list for calls that accept a limited number of values.

/** Splits the values into lists of `size`, in order. The last list may be shorter. */
export function chunksOf<T>(values: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    values.slice(index * size, (index + 1) * size),
  );
}
