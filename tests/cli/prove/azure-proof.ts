// Runs `prove` in this process against the local Azure, with the operator's own roles and the clock of the cloud.
import { createClients } from '../../../azure/function/clients.ts';
import { createAzureScratch } from '../../../cli/prove/azure.ts';
import type { Proof } from '../../../cli/prove/prove.ts';
import { createAzureClient } from '../../../cli/stack/azure-client.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import type { Cve } from '../../../local/azure/assessment.ts';
import type { Grant } from '../../../local/azure/grant.ts';
import type { Graph } from '../../../local/graph.ts';
import { REGISTRY, type Stage } from '../../e2e/azure/stage.ts';
import { outputsOf } from '../command.ts';
import { leastToOpenOnAzure } from '../command-azure.ts';
import { leastToObserveOnAzure } from '../command-observing.ts';
import { namesCurl, proofRunner, type RunOptions } from './run-proof.ts';

export const LIMITS = { scanner: 360, function: 30, opening: 390, scanWhileClosed: 10 };
const CURL: Cve = { id: 'CVE-2023-38545', severity: 'Critical', score: 9.8 };

/** The roles that `prove` needs on Azure, by purpose. */
export function leastToProveOnAzure(graph: Graph) {
  const { records, findings } = leastToObserveOnAzure(graph);
  return {
    records,
    findings,
    /** Reads the registry, and reads and writes attributes. */
    locks: leastToOpenOnAzure(graph).locks,
    push: { role: 'AcrPush', scope: REGISTRY },
    remove: { role: 'AcrDelete', scope: REGISTRY },
  } satisfies Record<string, Grant>;
}

/** A scanner that reads the package database of each image, some time after its push. */
export interface ScannerOptions {
  /** How long it takes. `never`: it is silent. */
  readonly minutes?: number | 'never';
  /** The severity that it reports for the vulnerable package. */
  readonly severity?: 'Critical' | 'Low';
}

function scannerOf({ cloud, registry }: Stage, { minutes = 90, severity = 'Critical' }: ScannerOptions) {
  const scanned = new Set<string>();
  return async (): Promise<void> => {
    if (minutes === 'never') return;
    for (const { name: repository, manifests, blobs } of scratchRepositories(registry)) {
      for (const [digest, { manifest, createdAt }] of manifests) {
        if (scanned.has(digest) || cloud.clock.now().getTime() - createdAt.getTime() < minutes * 60_000) continue;
        scanned.add(digest);
        if (!namesCurl(manifest.blobs.map((blob) => blobs.get(blob)))) continue;
        const cve = severity === 'Critical' ? CURL : { ...CURL, severity, score: 2.1 };
        const software = { name: 'curl', version: '7.88.1-10', fixedVersion: '7.88.1-10+deb12u4' };
        await cloud.defender.assess({ registry: REGISTRY, repository, digest, package: software, cves: [cve] });
      }
    }
  };
}

/** The scratch repositories that exist. */
export function scratchRepositories({ repositories }: Stage['registry']) {
  return [...repositories.values()].filter(({ name }) => name.startsWith('pullgate-prove/'));
}

export type ProofOptions = ScannerOptions & RunOptions;

/** Prepares runs of `prove` on a stage. */
export async function provingOn(
  s: Stage,
  grants: readonly Grant[] = Object.values(leastToProveOnAzure(s.graph)),
  who = 'prover',
) {
  const { azure } = await findStack({ outputs: outputsOf(s.graph) });
  if (azure === undefined) throw new Error('the stack is on Azure');
  const operator = s.cloud.principals.add(who, grants);
  const now = () => s.cloud.clock.now().toISOString();
  const options = { ...s.cloud.clientOptions, retryOptions: { maxRetries: 0 } };
  const sdk = createClients(azure, operator, options);
  const client = createAzureClient(azure, now, sdk);
  const scratchOf = (name: string) =>
    createAzureScratch(
      azure,
      client,
      { repository: `pullgate-prove/${name}`, nonce: name },
      {
        registry: { id: REGISTRY, name: 'acmeimages', loginServer: 'acmeimages.azurecr.io' },
        ...{ sdk, credential: operator, options },
      },
    );
  const prove = proofRunner({ cloud: s.cloud, now, scratchOf, limits: LIMITS, scannerAdvice: 'Check Defender.' });
  const run = (options: ProofOptions = {}): Promise<Proof> => prove(scannerOf(s, options), options);
  return { run, scratchOf, client, now, operator };
}
