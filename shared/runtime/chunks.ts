// Splits a list for calls that take a limited number of values.

/** The values in lists of `size`, in order; the last one may be shorter. */
export function chunksOf<T>(values: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    values.slice(index * size, (index + 1) * size),
  );
}
