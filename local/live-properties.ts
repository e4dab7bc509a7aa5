// Properties that are read again on each use, because a deployment can change them.

/** Adds the properties of `live` to `own`. Getters remain getters. */
export function addLiveProperties<Own extends object, Live extends object>(own: Own, live: Live): Own & Live {
  return Object.defineProperties(own, Object.getOwnPropertyDescriptors(live)) as Own & Live;
}
