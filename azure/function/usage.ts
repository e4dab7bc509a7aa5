// What is known about the use of an image on Azure.

/** What runs an image. Nothing counts it here. */
export const USERS = { one: 'workload', many: 'workloads' };
