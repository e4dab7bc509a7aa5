// The secrets that a local cloud gives out, which only their receiver may see: kept, so that a test can search for them
// elsewhere.

/** One secret, as it was given out. */
export interface Secret {
  /** What it is, for people who read that it was found. */
  readonly what: string;
  readonly value: string;
}
