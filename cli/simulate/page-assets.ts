// The frame, the style and the script of the pages that `--html` writes. All is inline, because a page loads nothing.
import { createHash } from 'node:crypto';
import { clean } from './text.ts';

/**
 * A self-contained page.
 *
 * @param main the HTML of its content
 * @param script its script. Default: none
 */
export function htmlPage(title: string, main: string, script?: string): string {
  const scripts = script === undefined ? '' : ` script-src '${hashOf(script)}';`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${hashOf(STYLE)}';${scripts} img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${main}
</main>${script === undefined ? '' : `\n<script>${script}</script>`}
</body>
</html>
`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** Escapes text for HTML, because a name in a report may contain markup. */
export function asText(text: string): string {
  return clean(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Narrow screens first; the colours follow the reader's system. */
const STYLE = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --text: #1b1f24; --soft: #57606a; --line: #d8dee4; --link: #0757ba;
  --critical: #a40e26; --high: #b93a00; --medium: #8a6100; --low: #2a6f97; --informational: #5b6770; --unknown: #7a3fa0; --good: #1a7f37; --track: #e7ebef; }
@media (prefers-color-scheme: dark) { :root { --page: #0e1116; --card: #171b22; --text: #e6e9ee; --soft: #9aa4b0; --line: #2c333d; --link: #79b8ff;
  --critical: #ff7b83; --high: #ff9d5c; --medium: #e5b84b; --low: #6cb6dd; --informational: #a3adb8; --unknown: #c69ae8; --good: #57c26d; --track: #242b34; } }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: .5rem 0; } h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; } h3 { font-size: .9rem; margin: 1rem 0 .25rem; color: var(--soft); }
p { margin: .25rem 0; } .soft { color: var(--soft); font-size: .9rem; }
a { color: var(--link); }
.cards { display: grid; grid-template-columns: repeat(2, 1fr); gap: .75rem; margin: 1rem 0; padding: 0; list-style: none; }
.cards li { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
.cards b { display: block; font-size: 1.75rem; line-height: 1.1; font-variant-numeric: tabular-nums; }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .4rem .75rem; align-items: center; margin: 0; }
.bars dt { font-weight: 600; } .bars dd { margin: 0; font-variant-numeric: tabular-nums; }
.bar { background: var(--track); border-radius: .25rem; overflow: hidden; line-height: 0; } rect { fill: currentColor; } rect.reported { opacity: .4; }
form { display: grid; gap: .6rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
label { font-size: .9rem; } input[type=search], select { width: 100%; font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: .35rem; padding: .4rem .5rem; }
fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem .9rem; } legend { font-size: .9rem; padding: 0; float: left; margin-right: .5rem; }
details { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }
summary { cursor: pointer; padding: .6rem .75rem; } summary b { font-weight: 600; } .in { padding: 0 .75rem .75rem; }
.state { display: inline-block; font-size: .8rem; font-weight: 600; border: 1px solid; border-radius: 1rem; padding: 0 .55rem; margin-right: .4rem; white-space: nowrap; }
.counts { display: block; font-size: .85rem; } .counts span { margin-right: .7rem; white-space: nowrap; }
.closes { color: var(--critical); } .opens, .open, .staysOpen { color: var(--good); } .staysClosed { color: var(--high); } .undetermined { color: var(--unknown); }
.critical { color: var(--critical); } .high { color: var(--high); } .medium { color: var(--medium); } .low { color: var(--low); } .informational { color: var(--informational); } .unknown { color: var(--unknown); }
ul.findings { list-style: none; margin: 0; padding: 0; } ul.findings li { border-top: 1px solid var(--line); padding: .4rem 0; font-size: .9rem; }
@media (max-width: 36rem) { .steps { grid-template-columns: 1fr max-content; } .steps .bar { display: none; } }
@media (min-width: 48rem) { main { padding: 2rem; } .cards { grid-template-columns: repeat(4, 1fr); }
  form { grid-template-columns: 2fr 1fr; } fieldset, output { grid-column: 1 / -1; } summary { padding: .7rem 1rem; } .in { padding: 0 1rem 1rem; } .counts { display: inline; margin-left: .5rem; } }
@media print { form { display: none; } details { break-inside: avoid; } body { background: none; } }
`;

/** The filters. Without the script, the page shows all gates. */
export const SCRIPT = `
const form = document.querySelector('form');
const gates = [...document.querySelectorAll('details')];
const shown = document.querySelector('output');
function filter() {
  const words = form.elements.text.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const state = form.elements.state.value;
  const severities = [...form.querySelectorAll('input[name=severity]')];
  const wanted = severities.filter((box) => box.checked).map((box) => box.value);
  let count = 0;
  for (const gate of gates) {
    const text = gate.textContent.toLowerCase();
    const has = gate.dataset.severities.split(' ');
    const fits = (state === '' || gate.dataset.state === state) && words.every((word) => text.includes(word))
      && (wanted.length === severities.length || wanted.some((word) => has.includes(word)));
    gate.hidden = !fits;
    if (fits) count += 1;
  }
  shown.textContent = count + ' of ' + gates.length + (gates.length === 1 ? ' gate' : ' gates') + ' shown';
}
form.hidden = false;
form.addEventListener('input', filter);
form.addEventListener('submit', (event) => event.preventDefault());
filter();
`;
