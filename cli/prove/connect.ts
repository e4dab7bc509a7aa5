// Selects the cloud and the registry for a run, and connects to them. A cloud's SDK is loaded only if it is used.

import { now } from '../command.ts';
import type { Client } from '../stack/client.ts';
import type { AzureStack, Stack } from '../stack/stack.ts';
import { UsageError } from '../terminal/ending.ts';
import type { Redaction } from './report.ts';
import type { Scratch } from './scratch.ts';

export interface Connected {
  readonly scratch: Scratch;
  /** What a gate is. */
  readonly granularity: 'repository' | 'image';
  readonly redaction: Redaction;
}

/** The name of the scratch repository, and what makes its images unique. */
export interface ScratchName {
  readonly repository: string;
  readonly nonce: string;
}

/** @throws UsageError if the options do not select one cloud and one registry of the stack */
export async function connectScratch(
  { aws, azure }: Stack,
  registry: string | undefined,
  name: ScratchName,
): Promise<Connected> {
  if (aws !== undefined && azure !== undefined)
    throw new UsageError('a run proves one cloud of the stack: add --aws or --azure');
  if (azure !== undefined) return connectAzure(azure, registry, name);
  if (aws === undefined) throw new Error('the stack has no cloud: this is a bug in pullgate; please report it');
  if (registry !== undefined) throw new UsageError('--registry is for Azure only: leave it out');
  const { createAwsClient } = await import('../stack/aws-client.ts');
  const { createAwsScratch } = await import('./aws.ts');
  const client: Client = createAwsClient(aws, now);
  const names = [
    [aws.statementId, '<component>'],
    [aws.accountId, '<account>'],
  ] as const;
  return { scratch: createAwsScratch(aws, client, name.repository), granularity: 'repository', redaction: { names } };
}

async function connectAzure(azure: AzureStack, wanted: string | undefined, name: ScratchName): Promise<Connected> {
  const id = selectRegistry(azure.registries, wanted);
  const { DefaultAzureCredential } = await import('@azure/identity');
  const { createClients } = await import('../../azure/function/clients.ts');
  const { createRegistries } = await import('../../azure/function/registries.ts');
  const { registryIn } = await import('../../azure/function/registry-id.ts');
  const { createAzureClient } = await import('../stack/azure-client.ts');
  const { createAzureScratch } = await import('./azure.ts');
  const credential = new DefaultAzureCredential();
  const sdk = createClients(azure, credential);
  const parts = registryIn(id);
  const registry = parts === undefined ? undefined : await createRegistries(sdk, azure, now).find(parts);
  if (parts === undefined || registry === undefined) throw new UsageError(`the registry ${id} cannot be read`);
  const client = createAzureClient(azure, now, sdk);
  const names = [
    [registry.id, '<registry id>'],
    [registry.loginServer, '<registry>'],
    [parts.name, '<registry>'],
    [parts.resourceGroup, '<resource group>'],
  ] as const;
  const scratch = createAzureScratch(azure, client, name, { registry, sdk, credential });
  return { scratch, granularity: azure.granularity, redaction: { names } };
}

/**
 * The id of the registry that an option names, by its id or name.
 *
 * @throws UsageError if it is not one of the stack, or if there are several and none is named
 */
export function selectRegistry(ids: readonly string[], wanted: string | undefined): string {
  const nameIn = (id: string) => id.slice(id.lastIndexOf('/') + 1);
  const names = ids.map(nameIn).join(', ');
  const isWanted = (id: string) => wanted === undefined || [id, nameIn(id)].some((one) => same(one, wanted));
  const found = ids.filter(isWanted);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  if (wanted === undefined)
    throw new UsageError(`the stack has several registries: add --registry with one of ${names}`);
  throw new UsageError(`--registry ${JSON.stringify(wanted)} is not a registry of the stack: use one of ${names}`);
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
