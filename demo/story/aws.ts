// The story's AWS: ECR and Amazon Inspector, where what closes is a repository, by a statement in its policy.

import { allowing } from '../../local/aws/principals.ts';
import type { Graph } from '../../local/graph.ts';
import { startAwsActs } from '../acts-aws.ts';
import { check, type Line, lastDecisionIn, REPOSITORY, type StoryCloud, VULNERABILITY } from './cloud.ts';

const INSPECTOR =
  'arn:aws:iam::123456789012:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2';
const TEAM_STATEMENT = `{"Sid":"PartnerMayPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`;
const TEAM_POLICY = `{"Version":"2012-10-17","Statement":[${TEAM_STATEMENT}]}`;

/** Of this account, up to the last name. */
const OWN_ROLE = /arn:aws:iam::123456789012:role\/(?:[^"/]+\/)*/g;

/** Starts it, with the stack deployed. */
export async function startStoryAws(graph: Graph): Promise<StoryCloud> {
  const acts = await startAwsActs(graph);
  const { cloud, name, scanner } = acts;
  const inspector = cloud.oci(cloud.principals.add(INSPECTOR, [allowing('ecr:*')]));
  const policy = () => cloud.ecr.repository(REPOSITORY).policyText ?? '';
  const imageOf = (tag: string) => ({ repository: REPOSITORY, digest: acts.digestOf(REPOSITORY, tag) });

  return {
    name,
    scanner,
    gate: 'a repository, by a statement in its policy',
    delay: 'Inspector’s scan, plus up to aws.batchWindowSeconds (5 by default)',
    typePrefix: 'aws:',
    createRepository() {
      cloud.ecr.createRepository(REPOSITORY, { policyText: TEAM_POLICY });
      return ['The repository has a policy of its own, by which a partner may pull.'];
    },
    async push(tag, content) {
      const pushed = await acts.push(REPOSITORY, tag, content);
      await cloud.runUntilIdle();
      return pushed;
    },
    pull: (tag) => acts.pull(REPOSITORY, tag),
    async scanFinds(tag) {
      await acts.report(imageOf(tag), [VULNERABILITY]);
      await cloud.runUntilIdle();
      return [];
    },
    showClosed() {
      check('pullgate’s statement in the repository’s policy', policy().includes('"Sid":"Pullgate'), true);
      check('the team’s statement byte for byte as it was', policy().includes(TEAM_STATEMENT), true);
      const words =
        'The repository’s policy now. pullgate added its statement (+), which blocks all pulls except those of the roles that it names; they scan, fetch fixes and push them (“…/” stands for “arn:aws:iam::123456789012:role/” and the path). The partner’s own is untouched:';
      return [{ kind: 'text', text: words }, ...statementLines(policy())];
    },
    async whatStaysPossible(closedTag, fixedTag) {
      check('the scanner’s pull', (await inspector.pull(REPOSITORY, closedTag)).status, 200);
      check(`production’s pull of ${fixedTag}`, (await acts.pull(REPOSITORY, fixedTag)).status, 403);
      return [
        `Inspector’s pull of ${closedTag}: 200. The scanner and the stack’s exempt roles still can; for everybody else ECR closes a repository only as a whole: production’s pull of ${fixedTag}: 403, for as long as ${closedTag} is there.`,
      ];
    },
    async forgetFinding(tag) {
      const how = await acts.forget(imageOf(tag));
      await cloud.runUntilIdle();
      return how;
    },
    async prove(tag, fixedTag) {
      await acts.remove(imageOf(tag));
      await cloud.runUntilIdle();
      return { how: `${tag} is deleted.`, pullable: fixedTag };
    },
    showOpen() {
      check('the policy', policy(), TEAM_POLICY);
      return 'The policy is byte for byte what it was at first.';
    },
    redeploy: acts.redeploy,
    lastDecision: () => lastDecisionIn(cloud.logs),
    lastMail() {
      const notice = cloud.notices.at(-1);
      return notice === undefined ? undefined : { subject: notice.subject ?? '', text: notice.message, at: notice.at };
    },
    stop: acts.stop,
  };
}

/** The statements of a policy; roles of this account by their last name, which is enough to know them by. */
function statementLines(policyText: string): readonly Line[] {
  const { Statement: statements } = JSON.parse(policyText) as { readonly Statement: readonly unknown[] };
  return statements.map((statement) => {
    const text = JSON.stringify(statement);
    const kind = TEAM_STATEMENT === text ? 'kept' : 'added';
    return { kind, value: JSON.parse(text.replaceAll(OWN_ROLE, '…/')) };
  });
}
