// What the log says in English: every outcome, every state and every verdict, word for word.
import { describe, expect, it } from 'vitest';
import type { GateState } from '../../../shared/gate/record.ts';
import type { Verdict } from '../../../shared/policy/verdict.ts';
import type { Decision, ImageDecision } from '../../../shared/report/decision.ts';
import { describeState, describeVerdict, summarize } from '../../../shared/report/sentences.ts';
import { decision, digest, finding, GATE } from '../samples.ts';

const BLOCK: Verdict = {
  kind: 'block',
  reasons: [{ finding: finding(), rule: 'severityThreshold', severity: 'critical' }],
  undetermined: [],
  exempted: [],
};
const ALLOW: Verdict = { kind: 'allow', exempted: [] };
const EXEMPTED: Verdict = { kind: 'allow', exempted: [{ finding: finding(), exemption: { kind: 'suppressed' } }] };
const UNDETERMINED: Verdict = {
  kind: 'undetermined',
  undetermined: [finding({ severity: 'UNTRIAGED' })],
  exempted: [],
};

describe('a verdict', () => {
  const numbered = (number: number) => finding({ vulnerability: `CVE-2024-${number}` });
  it.each<[Verdict, string]>([
    [BLOCK, 'violates the policy with CVE-2024-6119 in openssl (critical, severityThreshold)'],
    [
      {
        kind: 'block',
        reasons: [
          { finding: numbered(1), rule: 'exploited', severity: 'medium' },
          { finding: numbered(2), rule: 'unfixable', severity: 'high' },
          { finding: numbered(3), rule: 'unknownSeverity', severity: 'unknown' },
          { finding: numbered(4), rule: 'severityThreshold', severity: 'high' },
          { finding: numbered(5), rule: 'severityThreshold', severity: 'high' },
        ],
        undetermined: [],
        exempted: [],
      },
      'violates the policy with CVE-2024-1 in openssl (medium, exploited), CVE-2024-2 in openssl (high, unfixable), CVE-2024-3 in openssl (unknown, unknownSeverity) and 2 more',
    ],
    [
      {
        ...BLOCK,
        reasons: [{ finding: numbered(1), rule: 'severityThreshold', severity: 'critical', inherited: true }],
      },
      'violates the policy with CVE-2024-1 in openssl (critical, inherited from the report, severityThreshold)',
    ],
    [UNDETERMINED, 'is undetermined: nobody knows the severity of CVE-2024-6119'],
    [ALLOW, 'has nothing that violates'],
    [EXEMPTED, 'is exempted: CVE-2024-6119 is suppressed at the provider'],
  ])('%#', (verdict, words) => {
    expect(describeVerdict(verdict)).toBe(words);
  });
});

describe('a state', () => {
  it.each<[GateState, string]>([
    [{ kind: 'open' }, 'open'],
    [{ kind: 'closing' }, 'closing'],
    [{ kind: 'closed' }, 'closed'],
    [{ kind: 'opening' }, 'opening'],
    [{ kind: 'waiting', for: 'audit' }, 'open, waiting: the stack is in audit mode, which closes nothing'],
    [
      { kind: 'waiting', for: 'foreignLock' },
      'locked, waiting: somebody else has locked it, and pullgate leaves that lock alone; once it is removed, pullgate closes the gate itself',
    ],
  ])('%j', (state, words) => {
    expect(describeState(state)).toBe(words);
  });
});

describe('a decision in one sentence', () => {
  const violates: ImageDecision = { digest: digest(1), kind: 'holds', why: { kind: 'violates' }, verdict: BLOCK };
  const waitingForBrake: GateState = { kind: 'waiting', for: 'brake' };
  it.each<[string, Partial<Decision>, string]>([
    ['nothing to do, open', {}, 'team/app stays open'],
    ['nothing to do, closed', { to: { kind: 'closed' } }, 'team/app stays closed'],
    [
      'closed',
      { action: 'closed', to: { kind: 'closed' }, images: [violates] },
      'team/app is closed now: sha256:000000000000 violates the policy with CVE-2024-6119 in openssl (critical, severityThreshold)',
    ],
    ['opened', { action: 'opened' }, 'team/app is open now'],
    [
      'opened, though there is a reason to close',
      { action: 'opened', to: { kind: 'waiting', for: 'audit' } },
      'team/app is open now, though the stack is in audit mode, which closes nothing',
    ],
    [
      'waiting',
      { action: 'waiting', to: waitingForBrake },
      'team/app is open, waiting: the limit on closings an hour (maxClosesPerHour) is reached; it closes when its turn comes',
    ],
    [
      'waiting, since somebody else has locked it',
      { action: 'waiting', to: { kind: 'waiting', for: 'foreignLock' } },
      'team/app is locked, waiting: somebody else has locked it, and pullgate leaves that lock alone; once it is removed, pullgate closes the gate itself',
    ],
    [
      'an image that is a gate of its own',
      { gate: { ...GATE, digest: digest(1) }, action: 'closed', to: { kind: 'closed' } },
      'team/app@sha256:000000000000 is closed now',
    ],
    [
      'an image whose findings are all resolved',
      { action: 'opened', images: [{ digest: digest(1), kind: 'cleared', how: 'resolved' }] },
      'team/app is open now: sha256:000000000000 holds it no longer, the provider says that each of its findings is resolved',
    ],
    ['cleared', { action: 'cleared' }, 'team/app has nothing to wait for any more'],
    ['restored', { action: 'restored', to: { kind: 'closed' } }, 'team/app is closed again'],
    [
      'refused',
      { action: 'refused', to: { kind: 'closing' }, problem: 'the policy is too long' },
      'team/app could not be changed: the policy is too long',
    ],
    [
      'an image that holds without proof',
      {
        to: { kind: 'closed' },
        images: [
          { ...violates, why: { kind: 'unproven', detail: 'its coverage is INACTIVE, EXPIRED' }, verdict: ALLOW },
        ],
      },
      'team/app stays closed: sha256:000000000000 still holds it, proof is missing: its coverage is INACTIVE, EXPIRED',
    ],
    [
      'an image that holds until its scan has settled',
      {
        to: { kind: 'closed' },
        images: [
          { ...violates, why: { kind: 'recentScan', detail: 'its scan has only just finished' }, verdict: ALLOW },
        ],
      },
      'team/app stays closed: sha256:000000000000 still holds it, proof is missing: its scan has only just finished',
    ],
    [
      'an image that holds since nobody knows',
      { to: { kind: 'closed' }, images: [{ ...violates, why: { kind: 'undetermined' }, verdict: UNDETERMINED }] },
      'team/app stays closed: sha256:000000000000 still holds it, and what is not known releases nothing: is undetermined: nobody knows the severity of CVE-2024-6119',
    ],
    [
      'an image that holds it no longer',
      { action: 'opened', images: [{ digest: digest(1), kind: 'cleared', how: 'gone' }] },
      'team/app is open now: sha256:000000000000 holds it no longer, it is gone from the registry (deleted or archived)',
    ],
    [
      'an image that never held it',
      { images: [{ digest: digest(1), kind: 'none', verdict: EXEMPTED }] },
      'team/app stays open: sha256:000000000000 is exempted: CVE-2024-6119 is suppressed at the provider',
    ],
    [
      'a finding that is not there yet',
      { awaited: ['arn:1', 'arn:2'] },
      'team/app stays open: 2 finding(s) that an event reported are not shown by the scanner yet; the event is retried',
    ],
    [
      'people who could not be told',
      { action: 'closed', to: { kind: 'closed' }, images: [], notifyError: 'RestError: too many mails' },
      'team/app is closed now: a notice could not be sent yet (RestError: too many mails)',
    ],
    [
      'more images than a sentence holds: those that hold it first',
      {
        action: 'closed',
        to: { kind: 'closed' },
        images: [
          { digest: digest(2), kind: 'none', verdict: EXEMPTED },
          { digest: digest(3), kind: 'none', verdict: EXEMPTED },
          { digest: digest(4), kind: 'cleared', how: 'scanned' },
          { digest: digest(5), kind: 'none', verdict: EXEMPTED },
          violates,
        ],
      },
      'team/app is closed now: sha256:000000000000 violates the policy with CVE-2024-6119 in openssl (critical, severityThreshold); sha256:000000000000 holds it no longer, a newer scan shows nothing that violates; sha256:000000000000 is exempted: CVE-2024-6119 is suppressed at the provider; and 2 more images',
    ],
  ])('%s', (_name, changes, sentence) => {
    expect(summarize(decision(changes))).toBe(sentence);
  });
});
