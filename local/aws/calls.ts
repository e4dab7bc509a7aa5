// The log of what was asked of the local cloud, and the places where a test may step in between.
import type { Principal } from './principals.ts';
import type { Service } from './protocol.ts';

/** One request: of an SDK client (`ecr`, `inspector2`, ...) or of a container client (`oci`). */
export interface Call {
  readonly service: Service | 'oci';
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly principal: Principal;
  readonly accessKeyId: string;
}

export type Hook = (call: Call) => Promise<void> | void;

export interface Calls {
  /** How often each operation was asked for, as `{ 'ecr:GetRepositoryPolicy': 2 }`; with an ARN, by that principal only. */
  count(principalArn?: string): Record<string, number>;
  reset(): void;
  /** Called before the work of each call, which waits for it; answers with what takes the hook away. */
  before(hook: Hook): () => void;
  /** Called after the work of each call and before its answer, which waits for it. */
  after(hook: Hook): () => void;
}

export interface CallLog extends Calls {
  record(call: Call): void;
  runBefore(call: Call): Promise<void>;
  runAfter(call: Call): Promise<void>;
}

export function createCalls(): CallLog {
  const counts = new Map<string, Map<string, number>>();
  const before = new Set<Hook>();
  const after = new Set<Hook>();
  const hookInto = (hooks: Set<Hook>) => (hook: Hook) => {
    hooks.add(hook);
    return () => void hooks.delete(hook);
  };
  const run = async (hooks: Set<Hook>, call: Call): Promise<void> => {
    for (const hook of [...hooks]) await hook(call);
  };
  return {
    count(principalArn) {
      const total: Record<string, number> = {};
      for (const [arn, byOperation] of counts) {
        if (principalArn !== undefined && arn !== principalArn) continue;
        for (const [operation, count] of byOperation) total[operation] = (total[operation] ?? 0) + count;
      }
      return Object.fromEntries(Object.entries(total).sort(([one], [other]) => (one < other ? -1 : 1)));
    },
    reset: () => counts.clear(),
    before: hookInto(before),
    after: hookInto(after),
    record({ principal, service, operation }) {
      const key = `${service}:${operation}`;
      const byOperation = counts.get(principal.arn) ?? new Map<string, number>();
      counts.set(principal.arn, byOperation.set(key, (byOperation.get(key) ?? 0) + 1));
    },
    runBefore: (call) => run(before, call),
    runAfter: (call) => run(after, call),
  };
}
