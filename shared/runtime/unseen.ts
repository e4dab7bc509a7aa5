// Characters that a reader does not see but a terminal or a mail interprets: line ends, escape codes, and characters
// that change the direction of text. The author of an image can put them into its tags and packages.

/**
 * Control and format characters, and the line and paragraph separators.
 * Source: https://www.unicode.org/reports/tr44/#General_Category_Values
 */
const UNSEEN = /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/gu;

/** The text in one line, with each unseen character replaced, for a mail or a terminal. */
export function plain(text: string): string {
  return text.replaceAll(UNSEEN, '\u{fffd}');
}

/**
 * Escapes unseen characters as in JSON. JSON itself does not escape U+0080 to U+009F, nor characters that change the
 * direction of text. https://www.rfc-editor.org/rfc/rfc8259#section-7
 *
 * @param unseen the characters to escape. Default: all unseen characters
 */
export function escapeUnseen(text: string, unseen = UNSEEN): string {
  return text.replaceAll(unseen, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}
