// The principals that try to pull from a closed repository: the few exempt ones, unrelated ones, and ones that look
// like an exempt one.
import { ACCOUNT, type Asker, anonymous, OTHER_ACCOUNT, service, sessionOf } from './aws-simulator.ts';

/** The role and the user that the stack's config exempts. */
export const PUBLISHER = `arn:aws:iam::${ACCOUNT}:role/ci/publisher`;
export const PUSHER = `arn:aws:iam::${ACCOUNT}:user/ci/ecr-push`;
const SERVICE_ROLES = `arn:aws:iam::${ACCOUNT}:role/aws-service-role`;
const INSPECTOR = 'inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2';
const PULL_THROUGH = 'pullthroughcache.ecr.amazonaws.com/AWSServiceRoleForECRPullThroughCache';

type Named = readonly [who: string, asker: Asker];

const role = (path: string, account = ACCOUNT, partition = 'aws') => `arn:${partition}:iam::${account}:role/${path}`;
const user = (path: string, account = ACCOUNT) => `arn:aws:iam::${account}:user/${path}`;

/** The principals that may still pull, including pullgate's own role. */
export function exempt(ownRole: string): readonly Named[] {
  return [
    ['a session of Inspector’s service-linked role', sessionOf(`${SERVICE_ROLES}/${INSPECTOR}`)],
    ['a session of the pull-through cache’s service-linked role', sessionOf(`${SERVICE_ROLES}/${PULL_THROUGH}`)],
    ['a session of pullgate’s own role', sessionOf(ownRole)],
    ['a session of the role that the config exempts', sessionOf(PUBLISHER)],
    ['the user that the config exempts', { arn: PUSHER }],
  ];
}

/** Unrelated principals. */
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
    ['a role with a longer name', role('ci/publisher2')],
    ['a role with a prefix before the name', role('ci/a-publisher')],
    ['a role with a shorter name', role('ci/publishe')],
    ['a role in another case', role('ci/Publisher')],
    ['a path in another case', role('CI/publisher')],
    ['a principal with a wildcard as its name', role('ci/*')],
    ['a principal with wildcards in its name', role('ci/????????e')],
    ['a role with the name of Inspector’s, without its path', role(INSPECTOR.split('/')[1] ?? '')],
    ['a role under a path similar to Inspector’s', role(`x/aws-service-role/${INSPECTOR}`)],
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
    ['a session with the name of the exempt role', sessionOf(role('production'), 'publisher')],
    ['a session with the name of Inspector’s role', sessionOf(role('production'), 'AWSServiceRoleForAmazonInspector2')],
    ['a user with the exempt role’s path and name', { arn: user('ci/publisher') }],
    ['another account’s user of the same path and name', { arn: user('ci/ecr-push', OTHER_ACCOUNT) }],
    ['a user of the same name without the path', { arn: user('ecr-push') }],
    ['a role with the exempt user’s path and name', sessionOf(role('ci/ecr-push'))],
    ['a federated user with the exempt role’s name', { arn: `arn:aws:sts::${ACCOUNT}:federated-user/publisher` }],
    [
      'a session whose request contains its own ARN instead of its role’s',
      { arn: publisherSession, context: { 'aws:PrincipalArn': publisherSession } },
    ],
    [
      'a session of the exempt role whose request does not contain the role’s ARN',
      { arn: publisherSession, context: {} },
    ],
  ];
}
