// The local AWS with the fixture's graph and an administrator, for the tests of the wire.
import { type LocalAws, startAws } from '../../../local/aws/cloud.ts';
import { allowing } from '../../../local/aws/principals.ts';
import { fixtureGraph } from './fixture-graph.ts';

const ROLE = 'arn:aws:iam::123456789012:role';
/** The ARN of a principal with all permissions. */
export const ADMIN = `${ROLE}/admin`;

export type Stage = Awaited<ReturnType<typeof startStage>>;

export async function startStage() {
  const cloud = await startAws(fixtureGraph());
  const admin = cloud.principals.add(ADMIN, [allowing('*')]);
  return {
    cloud,
    admin,
    /** Each client tries once, so that it throws the cloud's answer. */
    config: (credentials = admin) => ({ ...cloud.clientConfig(credentials), maxAttempts: 1 }),
    /** A principal with exactly these permissions. */
    only: (...actions: readonly string[]) => cloud.principals.add(`${ROLE}/only`, [allowing(...actions)]),
  };
}

/** Pushes images and indexes into a separate repository for each test. */
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
