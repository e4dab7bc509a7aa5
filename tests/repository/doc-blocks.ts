// The fenced blocks of a page of the docs, so that tests can run or check what the page tells people to type.

/** The text of every block in this language, in order. */
export function blocksOf(page: string, language: string): readonly string[] {
  return [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, found, text]) =>
    found === language && text !== undefined ? [text.trim()] : [],
  );
}
