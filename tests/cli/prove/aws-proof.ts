// Runs `prove` in this process against the local AWS, with the operator's own rights and the clock of the cloud.
import { vi } from 'vitest';
import { createClients } from '../../../aws/function/clients.ts';
import { createAwsScratch } from '../../../cli/prove/aws.ts';
import type { Proof } from '../../../cli/prove/prove.ts';
import { createAwsClient } from '../../../cli/stack/aws-client.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import type { Advisory } from '../../../local/aws/inspector-finding.ts';
import type { PolicyDocument } from '../../../local/aws/principals.ts';
import type { Graph } from '../../../local/graph.ts';
import type { Stage } from '../../e2e/aws/stage.ts';
import { OPERATOR, outputsOf } from '../command.ts';
import { arnOf } from '../command-observing.ts';
import { namesCurl, proofRunner, type RunOptions } from './run-proof.ts';

export const LIMITS = { scanner: 30, function: 20, opening: 20, scanWhileClosed: 10 };

/** What `prove` needs on AWS. */
export function leastToProve(graph: Graph): PolicyDocument {
  const repository = 'arn:aws:ecr:eu-west-1:123456789012:repository';
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['dynamodb:GetItem'],
        Resource: arnOf(graph, 'aws:dynamodb/table:Table'),
      },
      {
        Effect: 'Allow',
        Action: [
          ...['ecr:CreateRepository', 'ecr:DeleteRepository', 'ecr:DescribeRepositories', 'ecr:DescribeImages'],
          ...['ecr:GetRepositoryPolicy', 'ecr:SetRepositoryPolicy', 'ecr:BatchDeleteImage'],
          ...['ecr:InitiateLayerUpload', 'ecr:UploadLayerPart', 'ecr:CompleteLayerUpload', 'ecr:PutImage'],
          ...['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        ],
        Resource: `${repository}/pullgate-prove/*`,
      },
      {
        Effect: 'Allow',
        Action: [
          ...['ecr:GetAuthorizationToken', 'inspector2:ListFindings', 'inspector2:ListCoverage'],
          'inspector2:BatchGetAccountStatus',
        ],
        Resource: '*',
      },
    ],
  };
}

export const CURL: Advisory = {
  vulnerability: 'CVE-2023-38545',
  severity: 'CRITICAL',
  packages: [{ name: 'curl', version: '7.88.1-10', fixedInVersion: '7.88.1-10+deb12u4' }],
  fixAvailable: 'YES',
  cvss: [{ baseScore: 9.8, version: '3.1' }],
};

/** A scanner that reads the package database of each image, some time after its push. */
export interface ScannerOptions {
  /** How long it takes. `never`: it is silent. */
  readonly minutes?: number | 'never';
  /** What it reports for the vulnerable package. */
  readonly reports?: readonly Advisory[];
  /** The Deny of a closed repository refuses its pulls, too. */
  readonly isDenied?: boolean;
}

export function scannerOf(s: Stage, { minutes = 2, reports = [CURL], isDenied = false }: ScannerOptions = {}) {
  const { cloud } = s;
  const scanned = new Set<string>();
  return async (): Promise<void> => {
    if (minutes === 'never') return;
    for (const { repository, blobs, digest, pushedAt } of scratchImages(cloud)) {
      if (scanned.has(digest) || cloud.clock.now().getTime() - pushedAt.getTime() < minutes * 60_000) continue;
      scanned.add(digest);
      if (isDenied && s.isClosed(repository)) {
        cloud.inspector.cover({ repository, digest, statusCode: 'INACTIVE', reason: 'ACCESS_DENIED' });
        continue;
      }
      cloud.inspector.scanned(repository, digest);
      if (!namesCurl(blobs)) continue;
      for (const advisory of reports) await cloud.inspector.report({ repository, digest }, advisory);
    }
  };
}

function scratchImages(cloud: Stage['cloud']) {
  return scratchRepositories(cloud).flatMap(({ name, images, blobs }) =>
    [...images.values()].map(({ manifest, pushedAt }) => ({
      ...{ repository: name, digest: manifest.digest, pushedAt },
      blobs: manifest.blobs.map((digest) => blobs.get(digest)),
    })),
  );
}

/** The scratch repositories that exist. */
export function scratchRepositories({ ecr }: Stage['cloud']) {
  return [...ecr.repositories.values()].filter(({ name }) => name.startsWith('pullgate-prove/'));
}

export type ProofOptions = ScannerOptions & RunOptions;

/** Prepares runs of `prove` on a stage. */
export async function provingOn(s: Stage, rights = leastToProve(s.graph)) {
  const { aws } = await findStack({ outputs: outputsOf(s.graph) });
  if (aws === undefined) throw new Error('the stack is on AWS');
  const operator = s.cloud.principals.add(OPERATOR, [rights]);
  const now = () => s.cloud.clock.now().toISOString();
  for (const [name, value] of Object.entries(s.cloud.environment(operator))) vi.stubEnv(name, value);
  const sdk = createClients(aws.region);
  const client = createAwsClient(aws, now, sdk);
  const scratchOf = (name: string) => createAwsScratch(aws, client, `pullgate-prove/${name}`, sdk);
  const prove = proofRunner({ cloud: s.cloud, now, scratchOf, limits: LIMITS, scannerAdvice: 'Check Inspector.' });
  const run = (options: ProofOptions = {}): Promise<Proof> => prove(scannerOf(s, options), options);
  return { run, scratchOf, client, now };
}
