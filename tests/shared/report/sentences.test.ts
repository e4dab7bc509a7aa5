// Sentences in the log, word for word: every outcome, every state and every verdict.
import { describe, expect, it } from 'vitest';
import type { GateState } from '../../../shared/gate/record.ts';
import type { Verdict } from '../../../shared/policy/verdict.ts';
import type { Usage } from '../../../shared/reconcile/observation.ts';
import type { Decision, ImageDecision } from '../../../shared/report/decision.ts';
import { describeState, describeUsage, describeVerdict, summarize } from '../../../shared/report/sentences.ts';
import { aBlockedFix, decision, digest, finding, GATE, NOW } from '../samples.ts';

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
    [
      { ...BLOCK, reasons: [{ finding: numbered(1), rule: 'exploited', severity: 'medium', epss: 0.92 }] },
      'violates the policy with CVE-2024-1 in openssl (medium, exploited by EPSS 0.92)',
    ],
    [UNDETERMINED, 'is undetermined: the severity of CVE-2024-6119 is unknown'],
    [ALLOW, 'has no finding that violates the policy'],
    [EXEMPTED, 'is allowed because of exemptions: CVE-2024-6119 is suppressed in the scanner'],
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
      'locked, waiting: someone else locked it, and pullgate does not touch that lock; once it is removed, pullgate closes the gate',
    ],
  ])('%j', (state, words) => {
    expect(describeState(state)).toBe(words);
  });
});

describe('the use of an image', () => {
  const USERS = { one: 'task', many: 'tasks' };

  it.each<[Usage | undefined, string]>([
    [undefined, 'whether it runs is not known'],
    [{ lastPulledAt: NOW }, `whether it runs is not known; last pull recorded at ${NOW}`],
    [{ inUseCount: 0 }, 'in use by 0 tasks'],
    [{ inUseCount: 1, lastInUseAt: NOW }, `in use by 1 task, last at ${NOW}`],
    [{ lastInUseAt: NOW }, `last in use at ${NOW}`],
    [
      { inUseCount: 1_200, lastInUseAt: NOW, lastPulledAt: NOW },
      `in use by 1,200 tasks, last at ${NOW}; last pull recorded at ${NOW}`,
    ],
  ])('%j is "%s"', (usage, text) => {
    expect(describeUsage(usage, USERS)).toBe(text);
  });
});

describe('a decision in one sentence', () => {
  const violates: ImageDecision = { digest: digest(1), kind: 'holds', why: { kind: 'violates' }, verdict: BLOCK };
  const waitingForBrake: GateState = { kind: 'waiting', for: 'brake' };
  it.each<[string, Partial<Decision>, string]>([
    ['an open gate without a change', {}, 'team/app stays open'],
    ['a closed gate without a change', { to: { kind: 'closed' } }, 'team/app stays closed'],
    [
      'a closed gate',
      { action: 'closed', to: { kind: 'closed' }, images: [violates] },
      'team/app is closed now: sha256:000000000000 violates the policy with CVE-2024-6119 in openssl (critical, severityThreshold)',
    ],
    ['an opened gate', { action: 'opened' }, 'team/app is open now'],
    [
      'an opened gate that waits',
      { action: 'opened', to: { kind: 'waiting', for: 'audit' } },
      'team/app is open now, waiting: the stack is in audit mode, which closes nothing',
    ],
    [
      'a gate whose record does not say why it is closed',
      { action: 'unexplained', to: { kind: 'unexplained' } },
      'team/app stays closed, although its record does not say why',
    ],
    [
      'a gate that waits for the brake',
      { action: 'waiting', to: waitingForBrake },
      'team/app is open, waiting: the limit on closings (maxClosesPerHour or maxClosesPerDay) is reached; pullgate closes it when the limit allows',
    ],
    [
      'a gate that someone else locked',
      { action: 'waiting', to: { kind: 'waiting', for: 'foreignLock' } },
      'team/app is locked, waiting: someone else locked it, and pullgate does not touch that lock; once it is removed, pullgate closes the gate',
    ],
    [
      'an image gate',
      { gate: { ...GATE, digest: digest(1) }, action: 'closed', to: { kind: 'closed' } },
      'team/app@sha256:000000000000 is closed now',
    ],
    [
      'an image whose findings are all resolved',
      { action: 'opened', images: [{ digest: digest(1), kind: 'cleared', how: 'resolved' }] },
      'team/app is open now: sha256:000000000000 is no longer a blocker: the scanner reports all its findings as resolved',
    ],
    ['a cleared gate', { action: 'cleared' }, 'team/app no longer needs to be closed'],
    ['a restored lock', { action: 'restored', to: { kind: 'closed' } }, 'team/app is closed again'],
    [
      'a refused change',
      { action: 'refused', to: { kind: 'closing' }, problem: 'the policy is too long' },
      'team/app could not be changed: the policy is too long',
    ],
    [
      'a blocker without proof',
      {
        to: { kind: 'closed' },
        images: [
          { ...violates, why: { kind: 'unproven', detail: 'its coverage is INACTIVE, EXPIRED' }, verdict: ALLOW },
        ],
      },
      'team/app stays closed: sha256:000000000000 is still a blocker, since proof is missing: its coverage is INACTIVE, EXPIRED',
    ],
    [
      'a blocker whose scan has not settled',
      {
        to: { kind: 'closed' },
        images: [
          { ...violates, why: { kind: 'recentScan', detail: 'its scan finished only minutes ago' }, verdict: ALLOW },
        ],
      },
      'team/app stays closed: sha256:000000000000 is still a blocker, since proof is missing: its scan finished only minutes ago',
    ],
    [
      'a blocker with an unknown severity',
      { to: { kind: 'closed' }, images: [{ ...violates, why: { kind: 'undetermined' }, verdict: UNDETERMINED }] },
      'team/app stays closed: sha256:000000000000 is undetermined: the severity of CVE-2024-6119 is unknown; it stays a blocker until there is proof',
    ],
    [
      'an image that is no longer a blocker',
      { action: 'opened', images: [{ digest: digest(1), kind: 'cleared', how: 'gone' }] },
      'team/app is open now: sha256:000000000000 is no longer a blocker: it is no longer in the registry (deleted or archived)',
    ],
    [
      'an image that was never a blocker',
      { images: [{ digest: digest(1), kind: 'none', verdict: EXEMPTED }] },
      'team/app stays open: sha256:000000000000 is allowed because of exemptions: CVE-2024-6119 is suppressed in the scanner',
    ],
    [
      'findings that the scanner does not list yet',
      { awaited: ['arn:1', 'arn:2'] },
      'team/app stays open: the scanner does not list 2 findings from an event yet; the event is retried',
    ],
    [
      'one finding that the scanner does not list yet',
      { awaited: ['arn:1'] },
      'team/app stays open: the scanner does not list 1 finding from an event yet; the event is retried',
    ],
    [
      'a notice that could not be sent',
      { action: 'closed', to: { kind: 'closed' }, images: [], notifyError: 'RestError: too many mails' },
      'team/app is closed now: a notice could not be sent yet (RestError: too many mails)',
    ],
    [
      'a fix that the gate blocks',
      { to: { kind: 'closed' }, images: [], blockedFix: aBlockedFix() },
      'team/app stays closed: the fix 1.5 is blocked by 1.4',
    ],
    [
      'a fix that could not be looked for',
      { to: { kind: 'closed' }, images: [], remedyError: 'Error: throttled' },
      'team/app stays closed: a fix could not be looked for (Error: throttled)',
    ],
    [
      'more images than fit into a sentence: blockers first',
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
      'team/app is closed now: sha256:000000000000 violates the policy with CVE-2024-6119 in openssl (critical, severityThreshold); sha256:000000000000 is no longer a blocker: a newer scan shows nothing that violates the policy; sha256:000000000000 is allowed because of exemptions: CVE-2024-6119 is suppressed in the scanner; and 2 more images',
    ],
  ])('%s', (_name, changes, sentence) => {
    expect(summarize(decision(changes))).toBe(sentence);
  });
});
