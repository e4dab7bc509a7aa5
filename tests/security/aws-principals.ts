// Who asks for an image of a closed repository: the few who may, and everybody who is somebody else or looks like one
// of them.
import { ACCOUNT, type Asker, anonymous, OTHER_ACCOUNT, service, sessionOf } from './aws-simulator.ts';

/** The role that the stack's config exempts. */
export const PUBLISHER = `arn:aws:iam::${ACCOUNT}:role/ci/publisher`;
const SERVICE_ROLES = `arn:aws:iam::${ACCOUNT}:role/aws-service-role`;
const INSPECTOR = 'inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2';
const PULL_THROUGH = 'pullthroughcache.ecr.amazonaws.com/AWSServiceRoleForECRPullThroughCache';

type Named = readonly [who: string, asker: Asker];

const role = (path: string, account = ACCOUNT, partition = 'aws') => `arn:${partition}:iam::${account}:role/${path}`;
const user = (path: string, account = ACCOUNT) => `arn:aws:iam::${account}:user/${path}`;

/** Who may still pull, with pullgate's own role. */
export function exempt(ownRole: string): readonly Named[] {
  return [
    ['a session of Inspector’s service-linked role', sessionOf(`${SERVICE_ROLES}/${INSPECTOR}`)],
    ['a session of the pull-through cache’s service-linked role', sessionOf(`${SERVICE_ROLES}/${PULL_THROUGH}`)],
    ['a session of pullgate’s own role', sessionOf(ownRole)],
    ['a session of the role that the config exempts', sessionOf(PUBLISHER)],
  ];
}

/** Principals that are plainly somebody else. */
export const OTHERS: readonly Named[] = [
  ['anonymous', anonymous],
  ['a service as itself: Lambda', service('lambda.amazonaws.com')],
  [
    'a service as itself, for a function of this account',
    service('lambda.amazonaws.com', { 'aws:SourceAccount': ACCOUNT }),
  ],
  ['a service as itself: Inspector', service('inspector2.amazonaws.com')],
  ['a service as itself: the pull-through cache', service('pullthroughcache.ecr.amazonaws.com')],
  ['the account’s own root', { arn: `arn:aws:iam::${ACCOUNT}:root` }],
  ['an administrator of the account, by a role', sessionOf(role('admin'))],
  ['an administrator of the account, by single sign-on', sessionOf(role('aws-reserved/sso.amazonaws.com/Admin_1a2b'))],
  ['an administrator of the account, as a user', { arn: user('admin') }],
  ['a federated user of the account', { arn: `arn:aws:sts::${ACCOUNT}:federated-user/somebody` }],
  ['the role of a task, a node or a function', sessionOf(role('production'))],
  ['another account’s root', { arn: `arn:aws:iam::${OTHER_ACCOUNT}:root` }],
  ['another account’s role', sessionOf(role('production', OTHER_ACCOUNT))],
  ['another account’s user', { arn: user('somebody', OTHER_ACCOUNT) }],
];

/** Principals that look like an exempt one. */
export function impostors(ownRole: string): readonly Named[] {
  const roles: readonly (readonly [string, string])[] = [
    ['another account’s role of the same path and name', role('ci/publisher', OTHER_ACCOUNT)],
    ['the same role of another partition', role('ci/publisher', ACCOUNT, 'aws-cn')],
    ['a role of the same name without the path', role('publisher')],
    ['a role of the same name under a longer path', role('x/ci/publisher')],
    ['a role of the same name between two paths', role('ci/x/publisher')],
    ['a role below the exempt role’s name', role('ci/publisher/x')],
    ['a role whose name goes on', role('ci/publisher2')],
    ['a role whose name begins earlier', role('ci/a-publisher')],
    ['a role whose name stops short', role('ci/publishe')],
    ['a role in other capitals', role('ci/Publisher')],
    ['a path in other capitals', role('CI/publisher')],
    ['a principal that has a wildcard for a name', role('ci/*')],
    ['a principal that has wildcards for characters', role('ci/????????e')],
    ['a role that is named like Inspector’s, without its path', role(INSPECTOR.split('/')[1] ?? '')],
    ['a role under a path like Inspector’s', role(`x/aws-service-role/${INSPECTOR}`)],
    ['another account’s Inspector', role(`aws-service-role/${INSPECTOR}`, OTHER_ACCOUNT)],
    ['another account’s pull-through cache', role(`aws-service-role/${PULL_THROUGH}`, OTHER_ACCOUNT)],
    [
      'another service’s service-linked role',
      role('aws-service-role/ecr.amazonaws.com/AWSServiceRoleForECRReplication'),
    ],
    ['the role of another stack of pullgate', `${ownRole.slice(0, -7)}0000000`],
    ['pullgate’s role in another account', ownRole.replace(ACCOUNT, OTHER_ACCOUNT)],
  ];
  const publisherSession = `arn:aws:sts::${ACCOUNT}:assumed-role/publisher/session`;
  return [
    ...roles.map(([who, arn]): Named => [who, sessionOf(arn)]),
    ['a session that is named like the exempt role', sessionOf(role('production'), 'publisher')],
    [
      'a session that is named like Inspector’s role',
      sessionOf(role('production'), 'AWSServiceRoleForAmazonInspector2'),
    ],
    ['a user of the exempt role’s path and name', { arn: user('ci/publisher') }],
    ['a federated user of the exempt role’s name', { arn: `arn:aws:sts::${ACCOUNT}:federated-user/publisher` }],
    [
      'a session whose ARN, not its role’s, is in the request',
      { arn: publisherSession, context: { 'aws:PrincipalArn': publisherSession } },
    ],
    ['a session of the exempt role whose request does not say so', { arn: publisherSession, context: {} }],
  ];
}
