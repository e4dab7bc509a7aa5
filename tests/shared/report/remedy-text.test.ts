// What people read about a fix that a closed repository blocks, word for word.
import { expect, it } from 'vitest';
import { renderNotice } from '../../../shared/report/notice-text.ts';
import { describeRemedy, remedyLines } from '../../../shared/report/remedy-text.ts';
import { describeBlockedFix } from '../../../shared/report/sentences.ts';
import { aBlockedFix, CONTEXT, digest, GATE, notice } from '../samples.ts';

const TAGGED = { removal: CONTEXT.removal, images: 'tagged' } as const;
const ALL = { ...TAGGED, images: 'all' } as const;
const UNTAGGED = { digest: digest(2), tags: [] };
const OVERRIDE = 'pullgate override open registry.example/team/app:1.5 --for 4h --reason TEXT --approved-by NAME';

it('a fix has a headline, the commands that remove what blocks it, and the override', () => {
  expect(remedyLines(GATE, aBlockedFix(), TAGGED)).toEqual([
    `The fix 1.5 (${digest(5)}) is ready: it was pushed after every image that keeps the repository closed, and no finding in it violates the policy. But the fix 1.5 is blocked by 1.4. No gate opens by itself for a fix. To let it out:`,
    '  - Delete or untag 1.4:',
    `      delete registry.example/team/app@${digest(1)}`,
    '      or: untag registry.example/team/app:1.4',
    `  - Or, while the fix rolls out, run \`${OVERRIDE}\`.`,
  ]);
});

it('with `images: all`, only deleting lets a fix out', () => {
  expect(remedyLines(GATE, aBlockedFix(), ALL).slice(1, 3)).toEqual([
    '  - Delete 1.4:',
    `      delete registry.example/team/app@${digest(1)}`,
  ]);
});

it('where the last tag takes the image with it, only deleting is offered', () => {
  const { delete: deleting } = CONTEXT.removal;
  const context = { ...TAGGED, removal: { delete: deleting } };
  expect(remedyLines(GATE, aBlockedFix(), context).slice(1)).toEqual([
    '  - Delete 1.4:',
    `      delete registry.example/team/app@${digest(1)}`,
    `  - Or, while the fix rolls out, run \`${OVERRIDE}\`.`,
  ]);
  expect(describeRemedy(GATE, aBlockedFix(), context)).toContain(
    `: delete 1.4 (\`delete registry.example/team/app@${digest(1)}\`), or`,
  );
});

it('several blockers have a command each, and those that do not fit are counted', () => {
  const blocked = aBlockedFix({
    blockedBy: [{ digest: digest(1), tags: ['1.4', 'stable'] }, UNTAGGED],
    moreBlockedBy: 2,
  });
  expect(remedyLines(GATE, blocked, TAGGED).slice(1, -1)).toEqual([
    '  - Delete or untag 1.4, sha256:000000000000 and 2 more images:',
    `      delete registry.example/team/app@${digest(1)}`,
    '      or: untag registry.example/team/app:1.4 && untag registry.example/team/app:stable',
    `      delete registry.example/team/app@${digest(2)}`,
    '      and the same for 2 more images',
  ]);
  expect(describeBlockedFix(blocked)).toBe('the fix 1.5 is blocked by 1.4, sha256:000000000000 and 2 more images');
});

it.each([
  [
    {},
    TAGGED,
    `the fix 1.5 is blocked by 1.4: delete or untag 1.4 (\`delete registry.example/team/app@${digest(1)}\` and so on)`,
  ],
  [{}, ALL, `the fix 1.5 is blocked by 1.4: delete 1.4 (\`delete registry.example/team/app@${digest(1)}\`)`],
  [
    { blockedBy: [UNTAGGED], moreBlockedBy: 1 },
    TAGGED,
    `the fix 1.5 is blocked by sha256:000000000000 and 1 more image: delete sha256:000000000000 and 1 more image (\`delete registry.example/team/app@${digest(2)}\` and so on)`,
  ],
] as const)('as one sentence: %j', (changes, context, expected) => {
  expect(describeRemedy(GATE, aBlockedFix(changes), context)).toBe(
    `${expected}, or \`${OVERRIDE}\` while it rolls out`,
  );
});

it('a fix that has lost its tags is named by its digest', () => {
  const blocked = aBlockedFix({ fix: UNTAGGED });
  expect(describeRemedy(GATE, blocked, TAGGED)).toContain(`open registry.example/team/app@${digest(2)} --for`);
});

it.each(['closed', 'restored', 'closedInUse'] as const)(
  'a notice of the kind %s names the fix that is there',
  (kind) => {
    const { text } = renderNotice(GATE, notice({ kind, blockedFix: aBlockedFix() }), CONTEXT);
    expect(text).toContain(`\n\n${remedyLines(GATE, aBlockedFix(), TAGGED).join('\n')}\n`);
    expect(renderNotice(GATE, notice({ kind }), CONTEXT).text).not.toContain('The fix');
  },
);

it('the notice of a fix says what is closed, and why after the way out', () => {
  const { subject, text } = renderNotice(GATE, notice({ kind: 'remedy' }), CONTEXT);
  expect(subject).toBe('[pullgate] fix blocked: team/app');
  expect(text).toMatch(
    /^team\/app \(registry 123456789012\) is closed, and blocks the fix for the images that keep it closed\.\n\nThe fix 1\.5/,
  );
  expect(text).toContain('`.\n\nWhy:\n');
});
