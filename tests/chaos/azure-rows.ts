// Damages the rows of gates in the local Table storage.
import type { TableClient } from '@azure/data-tables';
import type { LocalAzure } from '../../local/azure/cloud.ts';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Rows } from './people.ts';

interface Row {
  readonly partitionKey: string;
  readonly rowKey: string;
}

export function azureRows(cloud: LocalAzure, client: TableClient): Rows {
  const spoiled = new Map<string, Row>();
  const find = ({ repository, digest }: Gate): Row | undefined =>
    cloud.table.entities().find(({ partitionKey, properties }) => {
      const text = (name: string) => properties.get(name)?.value;
      return partitionKey.startsWith('gate|') && text('repository') === repository && text('digest') === digest;
    });
  return {
    isSpoiled: (gate) => spoiled.has(gateKey(gate)),
    async spoil(gate) {
      const found = find(gate);
      if (found === undefined || spoiled.has(gateKey(gate))) return;
      const {
        etag: _etag,
        timestamp: _timestamp,
        ...row
      } = await client.getEntity<Row>(found.partitionKey, found.rowKey);
      spoiled.set(gateKey(gate), row);
      await client.upsertEntity({ ...row, body0: Uint8Array.of(0) }, 'Replace');
    },
    async repair(gate) {
      const row = spoiled.get(gateKey(gate));
      if (row === undefined) return;
      await client.upsertEntity(row, 'Replace');
      spoiled.delete(gateKey(gate));
    },
    async lose(gate) {
      spoiled.delete(gateKey(gate));
      const found = find(gate);
      if (found !== undefined) await client.deleteEntity(found.partitionKey, found.rowKey);
    },
  };
}
