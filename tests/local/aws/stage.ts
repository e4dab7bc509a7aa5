// The local AWS of the fixture's graph, with somebody who may do everything: what the tests of the wire run on.
import { type LocalAws, startAws } from '../../../local/aws/cloud.ts';
import { allowing } from '../../../local/aws/principals.ts';
import { fixtureGraph } from './fixture-graph.ts';

const ROLE = 'arn:aws:iam::123456789012:role';
/** Somebody who may do everything. */
export const ADMIN = `${ROLE}/admin`;

export type Stage = Awaited<ReturnType<typeof startStage>>;

export async function startStage() {
  const cloud = await startAws(fixtureGraph());
  const admin = cloud.principals.add(ADMIN, [allowing('*')]);
  return {
    cloud,
    admin,
    /** Each client tries once: what it throws is what the cloud answered. */
    config: (credentials = admin) => ({ ...cloud.clientConfig(credentials), maxAttempts: 1 }),
    /** Somebody who may do these things alone. */
    only: (...actions: readonly string[]) => cloud.principals.add(`${ROLE}/only`, [allowing(...actions)]),
  };
}

/** Pushes of images and indexes into a repository of its own for each test. */
export function pushesTo(of: () => { readonly cloud: LocalAws; readonly repository: string }) {
  const tagged = (tag: string | undefined) => (tag === undefined ? {} : { tag });
  const push = (tag?: string) => {
    const { cloud, repository } = of();
    return cloud.ecr.pushImage(repository, tagged(tag));
  };
  return {
    push,
    pushAll: (length: number) => Promise.all(Array.from({ length }, () => push())),
    pushIndex: (children: readonly string[], tag?: string) => {
      const { cloud, repository } = of();
      return cloud.ecr.pushIndex(repository, { children, ...tagged(tag) });
    },
  };
}
