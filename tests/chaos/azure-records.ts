// Reads the records of all gates in the local Table storage.
import type { LocalAzure } from '../../local/azure/cloud.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Records } from '../../shared/reconcile/ports.ts';
import { type AzureWorld, REGISTRY } from './azure-world.ts';
import { type SeenRecord, seenRecord } from './cloud.ts';
import type { Rows } from './people.ts';

/** Returns all gate records, and loads only those that changed since the last call. */
export function recordsOf(cloud: LocalAzure, { gateName, names }: AzureWorld, records: Records, rows: Rows) {
  const known = new Map<string, { readonly etag: string; readonly seen: SeenRecord }>();
  return async (): Promise<readonly SeenRecord[]> => {
    const entities = cloud.table.entities().filter(({ partitionKey }) => partitionKey.startsWith('gate|'));
    const found: SeenRecord[] = [];
    for (const { partitionKey, rowKey, etag, properties } of entities) {
      const key = `${partitionKey} ${rowKey}`;
      const before = known.get(key);
      if (before?.etag === etag) {
        found.push(before.seen);
        continue;
      }
      const text = (name: string) => properties.get(name)?.value as string | undefined;
      const gate: Gate = { registry: REGISTRY, repository: text('repository') ?? '', digest: text('digest') };
      // A row that cannot be read says what it last said.
      if (rows.isSpoiled(gate)) {
        if (before !== undefined) found.push(before.seen);
        continue;
      }
      const { value } = await records.load(gate);
      if (value === undefined) continue;
      const seen = seenRecord(gateName(gate.repository, gate.digest), value, names);
      known.set(key, { etag, seen });
      found.push(seen);
    }
    return found;
  };
}
