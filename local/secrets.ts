// The secrets that a local cloud has issued. It keeps them so that a test can search for them where they must not
// appear.

/** One issued secret. */
export interface Secret {
  /** What kind of secret it is, for a test's failure message. */
  readonly what: string;
  readonly value: string;
}
