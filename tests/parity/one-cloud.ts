// The policy's cases that only one cloud can express: the name, the reason, and the test on the other cloud.

export interface OneCloud {
  readonly row: string;
  /** The cloud that has the case. */
  readonly only: 'AWS' | 'Azure';
  /** Why the other cloud cannot express it. */
  readonly why: string;
  /** Its test: the file and a part of the name. */
  readonly test: readonly [file: string, name: string];
}

const aws = (row: string, why: string, ...test: OneCloud['test']): OneCloud => ({ row, only: 'AWS', why, test });
const azure = (row: string, why: string, ...test: OneCloud['test']): OneCloud => ({ row, only: 'Azure', why, test });

export const ONE_CLOUD: readonly OneCloud[] = [
  aws(
    'severityThreshold: informational, and a base score of 0',
    'Defender for Cloud has no severity below Low',
    'tests/shared/policy/verdict.test.ts',
    "'UNTRIAGED, a score of 0'",
  ),
  aws(
    'a fix for some packages of an advisory, without saying which',
    'Defender reports for each CVE in each package whether a fix exists',
    'tests/aws/function/findings.test.ts',
    'PARTIAL, and no package names a fixed version: unknown',
  ),
  aws(
    'a finding in the image itself, in code or network, without a package',
    'every assessment of an image is about a package',
    'tests/aws/function/findings.test.ts',
    'a code finding, named by its title',
  ),
  aws(
    'one of two vulnerabilities in a package is suppressed',
    'Defender exempts whole assessments, with all vulnerabilities of a package',
    'tests/shared/policy/verdict.test.ts',
    "'SUPPRESSED'",
  ),
  aws(
    'a newer scan shows nothing that violates: opens',
    'Defender does not report when it scanned an image, only the status of each assessment',
    'tests/e2e/aws/proof.test.ts',
    'the gate opens if the finding is CLOSED and a successful scan after the closing shows no violation',
  ),
  aws(
    'the last scan is older than the closing, or finished only minutes ago: stays closed',
    'Defender does not report when it scanned an image',
    'tests/e2e/aws/proof.test.ts',
    'the gate stays closed if the finding is CLOSED but the last scan is older than the closing',
  ),
  aws(
    'a repository that the config excludes: opens',
    'on Azure, the config selects registries, not repositories',
    'tests/e2e/aws/blockers.test.ts',
    'a repository that the config newly excludes opens',
  ),
  aws(
    'a repository that serves Lambda functions: notified, not closed',
    'no Azure service fails because of a registry policy alone',
    'tests/e2e/aws/policies.test.ts',
    'a repository that Lambda functions use is announced but not closed',
  ),
  aws(
    'exempt principals still pull from a closed repository',
    'an attribute in ACR applies to everyone',
    'tests/e2e/aws/policies.test.ts',
    'Inspector, exempt roles and exempt users can still pull from a closed repository',
  ),
  aws(
    'foreign statements are kept, and a policy that ECR refuses is not changed',
    'the lock in ACR is one attribute without text',
    'tests/e2e/aws/policies.test.ts',
    'foreign statements, odd spacing and unknown keys stay unchanged',
  ),
  azure(
    'every closing assessment is Healthy now: opens',
    'Inspector also closes findings for other reasons, so that a closed finding is no proof',
    'tests/e2e/azure/proof.test.ts',
    'every closing assessment now',
  ),
  azure(
    'an assessment without its CVEs: its own severity counts',
    'every finding in Inspector names its vulnerability',
    'tests/azure/function/assessments.test.ts',
    'with no CVE in them',
  ),
  azure(
    'a manifest that someone else locked: left alone and notified once',
    'a statement in an ECR policy names the stack that wrote it',
    'tests/e2e/azure/policies.test.ts',
    'a manifest locked by someone else (no record)',
  ),
  azure(
    'azure.granularity: image closes one image, and the clean ones stay pullable',
    'ECR has no policies for single images',
    'tests/e2e/azure/closing.test.ts',
    'an individual assessment, Critical, fixable: manifest closed',
  ),
];
