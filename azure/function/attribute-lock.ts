// The attribute lock: the attribute that says whether a manifest or a whole repository may be read. Each change is read
// back.
import type { ContainerRegistryClient } from '@azure/container-registry';
import { isRestError } from '@azure/core-rest-pipeline';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Registry, Written } from '../../shared/reconcile/ports.ts';
import { gateName } from '../../shared/report/sentences.ts';
import { unlessAbsent } from './images.ts';

/** The attribute, under the name that users know. It cannot carry a mark, so only the record knows whose lock it is. */
export interface Snapshot {
  readonly readEnabled: boolean;
}

/** Reads and writes the locks of the registry at one login server. */
export function createAttributeLock(client: ContainerRegistryClient): Pick<Registry<Snapshot>, 'read' | 'write'> {
  return {
    async read(gate) {
      const snapshot = await unlessAbsent(readAttribute(client, gate));
      if (snapshot === undefined) return undefined;
      return { lock: snapshot.readEnabled ? 'absent' : 'unmarked', snapshot };
    },

    async write(gate, { snapshot }, desired) {
      const refusal = await update(client, gate, desired === 'open');
      if (refusal !== undefined) return refusal;
      const after = await unlessAbsent(readAttribute(client, gate));
      if (after?.readEnabled !== (desired === 'open')) return { kind: 'overtaken' };
      return { kind: 'written', before: JSON.stringify(snapshot), after: JSON.stringify(after) };
    },
  };
}

/** The service always returns the attribute of something that may not be read. It omits one that was never changed. */
async function readAttribute(client: ContainerRegistryClient, { repository, digest }: Gate): Promise<Snapshot> {
  const { canRead } =
    digest === undefined
      ? await client.getRepository(repository).getProperties()
      : await client.getArtifact(repository, digest).getManifestProperties();
  return { readEnabled: canRead ?? true };
}

/** Changes only this attribute. The service leaves omitted attributes unchanged. Undefined on success. */
async function update(client: ContainerRegistryClient, gate: Gate, canRead: boolean): Promise<Written | undefined> {
  const { repository, digest } = gate;
  try {
    await (digest === undefined
      ? client.getRepository(repository).updateProperties({ canRead })
      : client.getArtifact(repository, digest).updateManifestProperties({ canRead }));
    return undefined;
  } catch (error) {
    if (!isRestError(error) || error.statusCode === undefined) throw error;
    const { statusCode: status } = error;
    if (status === 404) return { kind: 'overtaken' };
    if (!isFinal(status)) throw error;
    return { kind: 'refused', problem: refusalOf(gate, status, error.message), cause: `status ${status}`, status };
  }
}

/** Retrying does not help: the call was neither throttled nor timed out, and the service did not fail. */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

function refusalOf(gate: Gate, status: number, message: string): string {
  const advice =
    status === 401 || status === 403
      ? "the function's identity needs its role 'pullgate gatekeeper' on the registry, for the registry's role mode (pullgate:azure.registryRoles). Run pulumi up; pullgate retries with the next sweep"
      : 'check its attributes (az acr repository show); pullgate retries with the next sweep';
  return `the registry refused to change ${gateName(gate)} (${status}: ${message.slice(0, 200)}): ${advice}`;
}
