// The fixes that closed repositories block require action: no gate opens by itself for a fix.
import type { Cloud } from '../../config/config.ts';
import type { BlockedFix } from '../../shared/gate/blocked-fix.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { describeRemedy } from '../../shared/report/remedy-text.ts';
import { shortName } from '../../shared/report/sentences.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { REMOVALS } from '../stack/removal.ts';

interface GateWithFix {
  readonly cloud: Cloud;
  readonly gate: Gate;
  readonly blockedFix: BlockedFix | undefined;
}

/** @param images the policy's `images` */
export function remedyConcerns(gates: readonly GateWithFix[], images: Policy['images']): readonly string[] {
  return gates.flatMap(({ cloud, gate, blockedFix }) => {
    if (blockedFix === undefined) return [];
    const remedy = describeRemedy(gate, blockedFix, { images, removal: REMOVALS[cloud] });
    return [`${CLOUD_NAMES[cloud]}: ${shortName(gate)}: ${remedy}`];
  });
}
