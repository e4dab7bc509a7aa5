// Unseen characters in untrusted text: replaced for people, escaped in JSON.
import { expect, it } from 'vitest';
import { escapeUnseen, plain } from '../../../shared/runtime/unseen.ts';

it('are replaced, so that the text is one line that nothing interprets', () => {
  expect(plain('evil\u001b[2Jname\r\n\u202etxt\u2028\u2029')).toBe(
    'evil\ufffd[2Jname\ufffd\ufffd\ufffdtxt\ufffd\ufffd',
  );
});

it('are escaped as in JSON, all or only the given ones', () => {
  expect(escapeUnseen('a\u009b\u2028')).toBe('a\\u009b\\u2028');
  expect(escapeUnseen('a\n\tb', /\t/g)).toBe('a\n\\u0009b');
});
