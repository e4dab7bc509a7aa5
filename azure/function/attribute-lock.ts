// The attribute lock: whether a manifest, or a whole repository, may be read. Read, written, read back.
import type { ContainerRegistryClient } from '@azure/container-registry';
import { isRestError } from '@azure/core-rest-pipeline';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Reading, Registry, Written } from '../../shared/reconcile/ports.ts';
import { gateName } from '../../shared/report/sentences.ts';
import { unlessAbsent } from './images.ts';

/** What was read: whether it may be read. An attribute carries no mark, so only the record knows whose a lock is. */
export type Snapshot = boolean;

/** Reads and writes the locks behind one login server. */
export function createAttributeLock(client: ContainerRegistryClient): Pick<Registry<Snapshot>, 'read' | 'write'> {
  return {
    async read(gate) {
      const isReadable = await unlessAbsent(readable(client, gate));
      return isReadable === undefined ? undefined : readingOf(isReadable);
    },

    async write(gate, { snapshot }, wanted) {
      const refusal = await update(client, gate, wanted === 'open');
      if (refusal !== undefined) return refusal;
      const after = await unlessAbsent(readable(client, gate));
      if (after !== (wanted === 'open')) return { kind: 'overtaken' };
      return { kind: 'written', before: attributeOf(snapshot), after: attributeOf(after) };
    },
  };
}

/** The service always says if something may not be read: an attribute that it leaves out was never changed. */
async function readable(client: ContainerRegistryClient, { repository, digest }: Gate): Promise<boolean> {
  const { canRead } =
    digest === undefined
      ? await client.getRepository(repository).getProperties()
      : await client.getArtifact(repository, digest).getManifestProperties();
  return canRead ?? true;
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

function readingOf(isReadable: boolean): Reading<Snapshot> {
  return { lock: isReadable ? 'absent' : 'unmarked', snapshot: isReadable };
}

function attributeOf(isReadable: boolean): string {
  return JSON.stringify({ readEnabled: isReadable });
}
