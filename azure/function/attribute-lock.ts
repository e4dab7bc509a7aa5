// The attribute lock: whether a manifest, or a whole repository, may be read. Read, written, read back.
import type { ContainerRegistryClient } from '@azure/container-registry';
import { isRestError } from '@azure/core-rest-pipeline';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Registry, Written } from '../../shared/reconcile/ports.ts';
import { gateName } from '../../shared/report/sentences.ts';
import { unlessAbsent } from './images.ts';

/** The attribute, by the name that people know it by. It carries no mark: only the record knows whose a lock is. */
export interface Snapshot {
  readonly readEnabled: boolean;
}

/** Reads and writes the locks behind one login server. */
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

/** The service always says if something may not be read: an attribute that it leaves out was never changed. */
async function readAttribute(client: ContainerRegistryClient, { repository, digest }: Gate): Promise<Snapshot> {
  const { canRead } =
    digest === undefined
      ? await client.getRepository(repository).getProperties()
      : await client.getArtifact(repository, digest).getManifestProperties();
  return { readEnabled: canRead ?? true };
}

/** Only this attribute: those that are left out stay as they are. Undefined if it was done. */
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
    return { kind: 'refused', problem: refusalOf(gate, status, error.message), status };
  }
}

/** Trying again is of no use: neither throttled, nor timed out, nor a fault of the service. */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

function refusalOf(gate: Gate, status: number, message: string): string {
  const advice =
    status === 401 || status === 403
      ? "the function's identity needs its role 'pullgate gatekeeper' on the registry, made for the registry's role mode (pullgate:azure.registryRoles): run pulumi up, and pullgate tries again with the next sweep"
      : 'look at its attributes (az acr repository show), and pullgate tries again with the next sweep';
  return `the registry does not let ${gateName(gate)} be changed (${status}: ${message.slice(0, 200)}): ${advice}`;
}
