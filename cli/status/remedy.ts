// The fixes that closed repositories block require action: no gate opens by itself for a fix.
import type { BlockedFix } from '../../shared/gate/blocked-fix.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import { imagesChooser } from '../../shared/reconcile/rules.ts';
import { describeRemedy } from '../../shared/report/remedy-text.ts';
import { shortName } from '../../shared/report/sentences.ts';
import type { Client } from '../stack/client.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { REMOVALS } from '../stack/removal.ts';

interface GateWithFix {
  readonly gate: Gate;
  readonly blockedFix: BlockedFix | undefined;
}

/** @param gates those of the client's cloud */
export function remedyConcerns({ cloud, settings }: Client, gates: readonly GateWithFix[]): readonly string[] {
  const imagesOf = imagesChooser(settings);
  return gates.flatMap(({ gate, blockedFix }) => {
    if (blockedFix === undefined) return [];
    const remedy = describeRemedy(gate, blockedFix, { images: imagesOf(gate), removal: REMOVALS[cloud] });
    return [`${CLOUD_NAMES[cloud]}: ${shortName(gate)}: ${remedy}`];
  });
}
