// What a local cloud gives out and nobody but its receiver may see: kept, so that a test can look for it where it must not be.

/** One secret, as it was given out. */
export interface Secret {
  /** What it is, for people who read that it was found. */
  readonly what: string;
  readonly value: string;
}
