// Reads the output of `aws inspector2 list-findings`: one document, several pages, or one finding per line.
import type { Finding as InspectorFinding } from '@aws-sdk/client-inspector2';
import * as v from 'valibot';
import { check, describeProblem, required } from '../../shared/runtime/problem.ts';
import { UsageError } from '../terminal/ending.ts';
import { type DocumentReader, mustBeList, type ReportInput } from './documents.ts';
import { SECURITY_HUB } from './formats.ts';
import { LEFT_OUT } from './gathering.ts';

const text = v.string('text');
const optionalText = v.nullish(text);
const optionalNumber = v.nullish(v.number('a number'));
const resource = v.object({
  details: v.nullish(
    v.object({
      awsEcrContainerImage: v.nullish(
        v.object({
          repositoryName: text,
          imageHash: text,
          registry: text,
          imageTags: v.nullish(v.array(text, 'a list of tags')),
        }),
      ),
    }),
  ),
});
/** A time as the AWS CLI prints it: ISO 8601 in version 2, seconds since 1970 in version 1. */
const moment = v.nullish(
  v.pipe(
    v.union([text, v.number()], 'a time'),
    v.transform((given) => new Date(typeof given === 'number' ? given * 1000 : given)),
    v.check((date) => !Number.isNaN(date.getTime()), 'a time, such as 2026-01-31T12:00:00Z'),
  ),
);
/** The fields that pullgate reads. Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_Finding.html */
const schema = v.object(
  {
    findingArn: required(v.string('the ARN of a finding of Amazon Inspector')),
    title: optionalText,
    severity: optionalText,
    status: optionalText,
    fixAvailable: optionalText,
    exploitAvailable: optionalText,
    epss: v.nullish(v.object({ score: optionalNumber }, 'an EPSS score')),
    resources: required(v.array(resource, 'a list of resources')),
    packageVulnerabilityDetails: v.nullish(
      v.object({
        vulnerabilityId: optionalText,
        relatedVulnerabilities: v.nullish(v.array(text, 'a list of texts')),
        sourceUrl: optionalText,
        vendorCreatedAt: moment,
        cvss: v.nullish(v.array(v.object({ version: optionalText, baseScore: optionalNumber }), 'a list of scores')),
        vulnerablePackages: v.nullish(
          v.array(
            v.object({
              name: optionalText,
              version: optionalText,
              epoch: optionalNumber,
              release: optionalText,
              fixedInVersion: optionalText,
            }),
            'a list of packages',
          ),
        ),
      }),
    ),
  },
  'a finding of Amazon Inspector',
);

/**
 * Creates the reader. Findings are converted with the deployed function's code, which loads the SDK. Therefore, it is
 * imported only here.
 */
export async function inspectorReader({
  gathering,
  beginning: { keys, isList },
  name,
  includes,
}: ReportInput): Promise<DocumentReader> {
  const { findingsFrom } = await import('../../aws/function/findings.ts');
  const isAlone = !isList && keys.has('findingArn');
  const path = isList ? '$.*' : isAlone ? '$' : '$.findings.*';
  let index = 0;
  return {
    paths: [path],
    take(value) {
      index += 1;
      if (typeof value === 'object' && value !== null && 'ProductArn' in value)
        throw new UsageError(`${name} is not a supported report: it looks like ${SECURITY_HUB}`);
      const checked = check(schema, value, `finding ${index}`);
      if (!checked.ok) throw new UsageError(`${name}: ${checked.problems.map(describeProblem).join('; ')}`);
      const finding = checked.value;
      const images = finding.resources.flatMap(({ details }) => details?.awsEcrContainerImage ?? []);
      if (finding.status === 'CLOSED') return gathering.leaveOut('closed');
      if (images.length === 0) return gathering.leaveOut('not for an ECR image');
      // Inspector and the image are in one region: arn:aws:inspector2:REGION:ACCOUNT:finding/ID.
      const region = finding.findingArn.split(':')[3];
      const findings = findingsFrom(withoutNulls(finding) as InspectorFinding);
      for (const { registry, repositoryName: repository, imageHash: digest, imageTags } of images) {
        if (!includes.aws(repository)) {
          gathering.leaveOut(LEFT_OUT);
          continue;
        }
        const tags = imageTags ?? [];
        const mayNotCount = tags.length === 0;
        const image = gathering.image({ registry, region, repository, digest, tags, mayNotCount });
        for (const one of findings) gathering.add(image, one);
      }
    },
    endDocument(document) {
      if (path !== '$.findings.*') return;
      if (!document.has('findings')) throw strange(name);
      mustBeList(name, document, 'findings');
    },
  };
}

function strange(name: string): UsageError {
  return new UsageError(
    `${name} begins with findings of Amazon Inspector but contains a document without "findings": give only the output of \`aws inspector2 list-findings\``,
  );
}

/**
 * Removes nulls, which a CLI query may print but the SDK's types do not allow. Findings without nulls are not copied,
 * because there may be a million of them.
 */
function withoutNulls(value: unknown): unknown {
  if (!hasNull(value)) return value;
  if (Array.isArray(value)) return value.map(withoutNulls);
  const kept = Object.entries(value as object).filter(([, one]) => one !== null);
  return Object.fromEntries(kept.map(([key, one]) => [key, withoutNulls(one)]));
}

function hasNull(value: unknown): boolean {
  if (typeof value !== 'object') return false;
  if (value === null) return true;
  for (const key in value) if (hasNull((value as Record<string, unknown>)[key])) return true;
  return false;
}
