// The line of a decision is never longer than Application Insights accepts, and omits the least important parts first.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../shared/policy/verdict.ts';
import type { Decision, ImageDecision } from '../../../shared/report/decision.ts';
import { decisionLine, lineText } from '../../../shared/report/log-line.ts';
import { decision, digest, exception, finding } from '../samples.ts';

/** The line after it is written and parsed again. */
function line(changes: Partial<Decision>): Record<string, unknown> {
  const observed = decision({ triggers: ['finding', 'sweep'], ...changes });
  return JSON.parse(JSON.stringify(decisionLine({ cloud: 'azure', maxCharacters: 30_000 }, observed, 12)));
}

const reason = { finding: finding({ exploited: true }), rule: 'severityThreshold', severity: 'critical' } as const;
const BLOCK: Verdict = { kind: 'block', reasons: [reason], undetermined: [], exempted: [] };
const VIOLATES: ImageDecision = { digest: digest(1), kind: 'holds', why: { kind: 'violates' }, verdict: BLOCK };

describe('a line of Application Insights', () => {
  const MAX_CHARACTERS = 30_000;
  /** Texts of any length from a provider, a config or an error, some too long for a line. */
  const anyText = fc
    .tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }), fc.constantFrom(1, 10, 100, 1_000))
    .map(([text, times]) => text.repeat(times));
  const texts = fc.array(anyText, { minLength: 1, maxLength: 3 });
  const anyVerdict = fc
    .tuple(texts, fc.nat(10), fc.nat(10), fc.nat(10))
    .map(([[text = ''], reasons, undetermined, exempted]): Verdict => {
      const one = finding({
        vulnerability: text,
        severity: text,
        package: { name: text, version: text, fixedVersion: text },
      });
      const exemption = {
        kind: 'exception',
        exception: exception({ id: text, reason: text, approvedBy: text, package: text, repository: text }),
      } as const;
      return {
        kind: 'block',
        reasons: [{ ...reason, finding: one }, ...Array(reasons).fill({ ...reason, finding: one })],
        undetermined: Array(undetermined).fill(one),
        exempted: Array(exempted).fill({ finding: one, exemption }),
      };
    });
  const anyImages = fc
    .tuple(fc.array(anyVerdict, { maxLength: 2 }), anyText, fc.nat(30))
    .map(([verdicts, detail, times]) =>
      verdicts.flatMap((verdict, place) =>
        Array.from(
          { length: times + 1 },
          (_, copy): ImageDecision => ({
            digest: digest(place * 100 + copy),
            kind: 'holds',
            why: { kind: 'unproven', detail },
            verdict,
          }),
        ),
      ),
    );
  const anyDecision = fc.tuple(anyImages, fc.nat(20), anyText, anyText, anyText, fc.boolean()).map(
    ([images, expired, problem, notifyError, change, isRefused]): Partial<Decision> => ({
      gate: { registry: `/${'r'.repeat(250)}`, repository: 'a'.repeat(255), digest: digest(1) },
      images,
      ...(isRefused
        ? { action: 'refused', problem }
        : { action: 'closed', notifyError, change: { before: change, after: change } }),
      awaited: Array(expired).fill(problem),
      expiredExceptions: Array(expired).fill(exception({ reason: notifyError, approvedBy: problem, package: change })),
    }),
  );

  it('is never longer than 30,000 characters, for any decision', () => {
    fc.assert(
      fc.property(anyDecision, (decision) => {
        const written = line(decision);
        expect(JSON.stringify(written).length).toBeLessThanOrEqual(MAX_CHARACTERS);
        expect(written).toMatchObject({
          kind: 'decision',
          cloud: 'azure',
          repository: 'a'.repeat(255),
          action: decision.action,
        });
        const { length } = decision.images ?? [];
        expect(imagesOf(written).length + Number(written['moreImages'] ?? 0)).toBe(length);
      }),
      { numRuns: 100 },
    );
  });

  const imagesOf = (written: Record<string, unknown>) =>
    (written['images'] as readonly Record<string, unknown>[]) ?? [];
  const many = (name: string, images: number): Partial<Decision> => {
    const one = finding({ package: { name, version: '1', fixedVersion: '2' } });
    const verdict: Verdict = {
      ...BLOCK,
      reasons: [{ ...reason, finding: one }, ...Array(9).fill({ ...reason, finding: one })],
    };
    return { images: Array.from({ length: images }, (_, place) => ({ ...VIOLATES, digest: digest(place), verdict })) };
  };

  it('lists fewer images first, and counts the rest', () => {
    const written = line(many('p'.repeat(200), 25));
    expect(imagesOf(written)).toHaveLength(5);
    expect(written['moreImages']).toBe(20);
    expect(imagesOf(written)[0]).toMatchObject({ moreReasons: 2 });
  });

  it('then shortens the texts of each finding', () => {
    const written = line(many('p'.repeat(5_000), 25));
    const [{ reasons } = {}] = imagesOf(written);
    expect([imagesOf(written).length, written['moreImages']]).toEqual([1, 24]);
    expect((reasons as readonly unknown[])[7]).toMatchObject({ package: `${'p'.repeat(299)}…` });
  });

  it('then lists only one finding', () => {
    const written = line({ ...many('\u0001'.repeat(5_000), 1), awaited: Array(9).fill('\u0001'.repeat(5_000)) });
    expect(imagesOf(written)).toMatchObject([{ moreReasons: 9, reasons: [{ package: `${'\u0001'.repeat(99)}…` }] }]);
  });

  it('has everything if that fits', () => {
    const written = line(many('openssl', 12));
    expect([imagesOf(written).length, written['moreImages']]).toEqual([12, undefined]);
  });
});

describe('any line', () => {
  it('is written as it is if it is short enough', () => {
    expect(lineText({ kind: 'failed', error: 'no answer' }, 100)).toBe('{"kind":"failed","error":"no answer"}');
  });

  it('has its longest texts cut otherwise, and is still JSON', () => {
    const text = lineText({ kind: 'failed', error: '"'.repeat(60_000), repository: 'team/app' }, 30_000);
    expect(text.length).toBeLessThanOrEqual(30_000);
    expect(JSON.parse(text)).toMatchObject({ kind: 'failed', repository: 'team/app' });
  });

  it('that no cut makes short enough is written all the same', () => {
    expect(lineText({ kind: 'usage', allCalls: 1, calls: { table: 1 } }, 10)).toContain('"table":1');
  });
});
