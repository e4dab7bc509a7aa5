// The output of `pullgate simulate --json`: one document that is written gate by gate, because it may be too long for
// one string.
import type { Exemption } from '../../shared/policy/verdict.ts';
import { endOfExemption, jsonText } from '../terminal/words.ts';
import type { GateOutcome, Simulation } from './simulation.ts';

/** The part of the document before the gates. */
export type Head = Readonly<Record<string, unknown>>;

/** The document in pieces. */
export function* jsonOf(head: Head, { gates }: Simulation): Generator<string> {
  yield `${jsonText(head, 2).slice(0, -2)},\n  "gates": [`;
  for (const [index, gate] of gates.entries()) {
    yield `${index === 0 ? '' : ','}\n    ${jsonText(gateJson(gate))}`;
  }
  yield gates.length === 0 ? ']\n}\n' : '\n  ]\n}\n';
}

function gateJson({ gate, reasons, formerReasons, undetermined, exempted, ...rest }: GateOutcome) {
  return {
    ...gate,
    ...rest,
    reasons: reasons.first,
    moreReasons: reasons.more,
    formerReasons: formerReasons.first,
    moreFormerReasons: formerReasons.more,
    undetermined: undetermined.first,
    moreUndetermined: undetermined.more,
    exempted: exempted.first.map(({ exemption, ...one }) => ({ ...one, ...exemptionJson(exemption) })),
    moreExempted: exempted.more,
  };
}

function exemptionJson(exemption: Exemption) {
  const until = endOfExemption(exemption);
  return {
    by: exemption.kind,
    ...(until === undefined ? {} : { until }),
    ...(exemption.kind === 'exception' ? exemption : {}),
  };
}
