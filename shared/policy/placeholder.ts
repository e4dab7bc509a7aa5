// Placeholders: texts that someone still has to replace, such as TO DO. `why` prints them in exceptions.

/** The beginning of each text that `why` leaves to the user. */
export const TO_DO = 'TO DO: ';

/** In capitals they are marks. In lower case they may be words: "to do with the build only". */
const MARK = /^(?:TO[ _-]?DO|FIXME|TBD|TBC|XXX+)\b/;
const ONLY_A_MARK = /^(?:to[ _-]?do|fixme|tbd|tbc|xxx+|n\/?a|placeholder|fill (?:this |me )?in)\s*(?:$|[:.!?])/i;
/** The whole text, in brackets. With a digit it may be a reference: "[SEC-1234]". */
const IN_BRACKETS = /^(?:<[^>\d]*>|\[[^\]\d]*\]|\{+[^}\d]*\}+)$/;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;

/** Does the text only hold the place of another one? */
export function isPlaceholder(text: string): boolean {
  const given = text.trim();
  return [MARK, ONLY_A_MARK, IN_BRACKETS].some((one) => one.test(given)) || !LETTER_OR_DIGIT.test(given);
}
