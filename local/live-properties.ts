// Properties that are read anew at each use: what they answer changes with every deployment.

/** Adds the properties of `live` to `own`. Its getters stay getters. */
export function addLiveProperties<Own extends object, Live extends object>(own: Own, live: Live): Own & Live {
  return Object.defineProperties(own, Object.getOwnPropertyDescriptors(live)) as Own & Live;
}
