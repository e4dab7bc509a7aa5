// How long a call takes in the real clouds. An estimate: the local clouds answer at once.

/** In seconds, as if no two calls ran at once. */
export const CALL_SECONDS = { aws: 0.05, azure: 0.1 } as const;
