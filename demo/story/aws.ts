// The story on AWS, with ECR and Amazon Inspector: a gate is a repository, and a statement in its policy closes it.

import { allowing } from '../../local/aws/principals.ts';
import type { Graph } from '../../local/graph.ts';
import { startAwsActs } from '../acts-aws.ts';
import { check, type Line, lastDecisionIn, REPOSITORY, type StoryCloud, VULNERABILITY } from './cloud.ts';

const INSPECTOR =
  'arn:aws:iam::123456789012:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2';
const TEAM_STATEMENT = `{"Sid":"PartnerMayPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`;
const TEAM_POLICY = `{"Version":"2012-10-17","Statement":[${TEAM_STATEMENT}]}`;

/** The ARN of a role in this account, up to its name. */
const OWN_ROLE = /arn:aws:iam::123456789012:role\/(?:[^"/]+\/)*/g;

/** Starts the cloud, with the stack deployed. */
export async function startStoryAws(graph: Graph): Promise<StoryCloud> {
  const acts = await startAwsActs(graph);
  const { cloud, name, scanner } = acts;
  const inspector = cloud.oci(cloud.principals.add(INSPECTOR, [allowing('ecr:*')]));
  const policy = () => cloud.ecr.repository(REPOSITORY).policyText ?? '';
  const imageOf = (tag: string) => ({ repository: REPOSITORY, digest: acts.digestOf(REPOSITORY, tag) });

  return {
    name,
    scanner,
    gate: 'Each repository is a gate. A statement in its policy closes it.',
    delay: 'Inspector’s scan plus up to aws.batchWindowSeconds (default: 5)',
    typePrefix: 'aws:',
    createRepository() {
      cloud.ecr.createRepository(REPOSITORY, { policyText: TEAM_POLICY });
      return ['The repository already has a policy, which lets a partner pull.'];
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
        'The repository’s policy now. pullgate added its statement (+). It blocks pulls by everyone except the listed roles, which scan images or deliver fixes (“…/” stands for “arn:aws:iam::123456789012:role/” and the path). The partner’s statement is unchanged:';
      return [{ kind: 'text', text: words }, ...statementLines(policy())];
    },
    async whatStaysPossible(closedTag, fixedTag) {
      check('the scanner’s pull', (await inspector.pull(REPOSITORY, closedTag)).status, 200);
      check(`production’s pull of ${fixedTag}`, (await acts.pull(REPOSITORY, fixedTag)).status, 403);
      return [
        `Inspector’s pull of ${closedTag}: 200. The scanner and the exempt roles can still pull. For everyone else, ECR can block only the whole repository. Production’s pull of ${fixedTag}: 403, as long as ${closedTag} keeps the gate closed.`,
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
      return 'The repository’s policy is the original again, byte for byte.';
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

/** The statements of a policy. Roles of this account are shortened to their names. */
function statementLines(policyText: string): readonly Line[] {
  const { Statement: statements } = JSON.parse(policyText) as { readonly Statement: readonly unknown[] };
  return statements.map((statement) => {
    const text = JSON.stringify(statement);
    const kind = TEAM_STATEMENT === text ? 'kept' : 'added';
    return { kind, value: JSON.parse(text.replaceAll(OWN_ROLE, '…/')) };
  });
}
