// The rows of the policy's tables that one cloud cannot express: by name, with the reason, and where the other cloud
// has them.

export interface OneCloud {
  readonly row: string;
  /** Where it is a row. */
  readonly only: 'AWS' | 'Azure';
  /** Why the other one cannot express it. */
  readonly why: string;
  /** A test of it: the file, and a part of its name. */
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
    'Defender says of each CVE in each package whether there is a fix',
    'tests/aws/function/findings.test.ts',
    'PARTIAL, and no package names a version',
  ),
  aws(
    'a finding of the image itself, of code or network, with no package',
    'every assessment of an image is of a package',
    'tests/aws/function/findings.test.ts',
    'a code finding, by its title',
  ),
  aws(
    'one of two vulnerabilities in a package is suppressed',
    'Defender exempts an assessment, which is all that it knows of a package, as a whole',
    'tests/shared/policy/verdict.test.ts',
    "'SUPPRESSED'",
  ),
  aws(
    'a newer scan shows nothing that violates: opens',
    'Defender does not say when it scanned an image, only what has become of each assessment',
    'tests/e2e/aws/proof.test.ts',
    'scanned after the closing, nothing violates: opens',
  ),
  aws(
    'the last scan is older than the closing, or has only just finished: stays closed',
    'the same: no scan has a time',
    'tests/e2e/aws/proof.test.ts',
    'the last scan is older than the closing: stays closed',
  ),
  aws(
    'a repository that the config leaves out: opens',
    'the config names registries on Azure, and no repositories',
    'tests/e2e/aws/blockers.test.ts',
    'a repository that the config leaves out from now on: opens',
  ),
  aws(
    'a repository that serves Lambda functions: announced, not closed',
    'no service of Azure fails because of a policy of the registry alone',
    'tests/e2e/aws/policies.test.ts',
    'a repository that grants lambda.amazonaws.com',
  ),
  aws(
    'exempt principals still pull from a closed repository',
    'an attribute of ACR is the same for everybody',
    'tests/e2e/aws/policies.test.ts',
    'Inspector and the exempt roles still pull from a closed repository',
  ),
  aws(
    'foreign statements are kept, and a policy that ECR refuses is not changed',
    'a gate of ACR is one attribute, which has no text',
    'tests/e2e/aws/policies.test.ts',
    'foreign deny and allow statements',
  ),
  azure(
    'every closing assessment is Healthy now: opens',
    'Inspector closes a finding for other reasons too, so that its word is no proof',
    'tests/e2e/azure/proof.test.ts',
    'every closing assessment now',
  ),
  azure(
    'an assessment without its CVEs: its own severity counts',
    'every finding of Inspector names its vulnerability',
    'tests/azure/function/assessments.test.ts',
    'with no CVE in them',
  ),
  azure(
    'a manifest that somebody else has locked: left alone, and reported once',
    'a statement of ECR names the stack that wrote it',
    'tests/e2e/azure/policies.test.ts',
    'a manifest locked by someone else (no record)',
  ),
  azure(
    'azure.granularity: image closes one image, and the good ones beside it stay pullable',
    'ECR has no policy of a single image',
    'tests/e2e/azure/closing.test.ts',
    'an individual assessment, Critical, fixable: manifest closed',
  ),
];
