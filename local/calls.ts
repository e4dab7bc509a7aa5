// The log of the calls to a local cloud, and hooks that let a test act before or after a call.

/** The fields of a call on every cloud. */
export interface AnyCall {
  readonly service: string;
  readonly operation: string;
}

export type Hook<Call> = (call: Call) => Promise<void> | void;

export interface CallsOf<Call> {
  /**
   * The number of calls of each operation, as `{ 'ecr:GetRepositoryPolicy': 2 }`. With an ARN or a principal's id: only
   * the calls by that principal.
   */
  count(principal?: string): Record<string, number>;
  reset(): void;
  /**
   * Registers a hook that runs before each call's work, which waits for it. Returns a function that removes the hook.
   */
  before(hook: Hook<Call>): () => void;
  /**
   * Registers a hook that runs after the work of each call that succeeded, and before its answer, which waits for it.
   */
  after(hook: Hook<Call>): () => void;
}

export interface CallLogOf<Call> extends CallsOf<Call> {
  record(call: Call): void;
  runBefore(call: Call): Promise<void>;
  runAfter(call: Call): Promise<void>;
}

/** @param callerOf returns the name under which a caller's calls are counted */
export function createCallLog<Call extends AnyCall>(callerOf: (call: Call) => string): CallLogOf<Call> {
  const counts = new Map<string, Map<string, number>>();
  const before = new Set<Hook<Call>>();
  const after = new Set<Hook<Call>>();
  const hookInto = (hooks: Set<Hook<Call>>) => (hook: Hook<Call>) => {
    hooks.add(hook);
    return () => void hooks.delete(hook);
  };
  const run = async (hooks: Set<Hook<Call>>, call: Call): Promise<void> => {
    for (const hook of [...hooks]) await hook(call);
  };
  return {
    count(principal) {
      const total: Record<string, number> = {};
      for (const [caller, byOperation] of counts) {
        if (principal !== undefined && caller !== principal) continue;
        for (const [operation, count] of byOperation) total[operation] = (total[operation] ?? 0) + count;
      }
      return Object.fromEntries(Object.entries(total).sort(([one], [other]) => (one < other ? -1 : 1)));
    },
    reset: () => counts.clear(),
    before: hookInto(before),
    after: hookInto(after),
    record(call) {
      const key = `${call.service}:${call.operation}`;
      const byOperation = counts.get(callerOf(call)) ?? new Map<string, number>();
      counts.set(callerOf(call), byOperation.set(key, (byOperation.get(key) ?? 0) + 1));
    },
    runBefore: (call) => run(before, call),
    runAfter: (call) => run(after, call),
  };
}
