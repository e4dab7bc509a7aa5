// Renders a simulation as one self-contained HTML page for decision makers: totals, a bar for each severity, and the
// gates with their reasons.
import type { Finding } from '../../shared/policy/finding.ts';
import type { Reason } from '../../shared/policy/verdict.ts';
import { counted, describeExemption, describeSeverity, number } from '../../shared/report/sentences.ts';
import { minute } from '../../shared/report/times.ts';
import {
  NO_FINDINGS,
  SEVERITY_WORDS,
  type SeverityCounts,
  type SeverityWord,
  severityWord,
} from '../reports/counts.ts';
import { exemptedIn } from './exempted.ts';
import { asText, htmlPage, SCRIPT } from './page-assets.ts';
import type { GateOutcome, InImages, Simulation, Worst } from './simulation.ts';
import { namesOf, STAYS_OPEN, wordOf } from './text.ts';
import { totalUsageLines, usageSentence } from './usage.ts';

export interface PageInput {
  readonly simulation: Simulation;
  readonly reported: SeverityCounts;
  readonly at: string;
  /** Where the findings come from. */
  readonly source: string;
  /** Notes about findings that were left out or may be missing. */
  readonly notes: readonly string[];
  /** The names of the policy and of the policy that it is compared with. */
  readonly policy: string;
  readonly against: string | undefined;
}

/** The most gates, findings of each kind in a gate, and exempted findings. They limit the page to a few megabytes. */
const PAGE_GATES = 1_000;
const PAGE_FINDINGS = 25;
const PAGE_EXEMPTED = 200;

/** Renders the page. Its only external references are the findings' links, and its content policy blocks all loads. */
export function pageOf(input: PageInput): string {
  const { simulation, at, source, notes, policy, against } = input;
  const gates = simulation.gates.slice(0, PAGE_GATES);
  const left = simulation.gates.length - gates.length;
  const closing = simulation.gates.filter((gate) => (gate.change ?? gate.outcome) === 'closes');
  const nameOf = namesOf(simulation.gates);
  const main = `<h1>What the policy would do</h1>
<p>With ${asText(policy)}${against === undefined ? '' : `, compared with ${asText(against)}`}.</p>
<p class="soft">Findings from ${asText(source)}, evaluated at ${minute(at)}. This simulation did not close or open any gate.</p>
${notes.length > 0 ? `<ul class="soft">${notes.map((note) => `<li>${asText(note)}</li>`).join('')}</ul>\n` : ''}${cards(input)}
<h2>Findings by severity</h2>
${bars(input)}
<h2>Gates</h2>
${totalUsageLines(closing)
  .map((line) => `<p class="soft">${asText(line)}</p>\n`)
  .join('')}${filters(gates)}
${gates.map((gate) => gateHtml(gate, nameOf(gate))).join('\n')}
${left > 0 ? `<p>And ${counted(left, 'more gate')}. <code>--json</code> shows all.</p>` : ''}
<p class="soft">${gates.length === 0 ? 'There is nothing to report. ' : ''}${counted(simulation.plain, 'gate has', 'gates have')} no findings that violate or are exempted.</p>
${exemptedHtml(simulation, nameOf)}`;
  return htmlPage('pullgate: what the policy would do', main, SCRIPT);
}

function cards({ simulation, against }: PageInput): string {
  const { gates, plain, images } = simulation;
  const count = (word: string) => gates.filter(({ outcome, change = outcome }) => change === word).length;
  const facts: readonly (readonly [number, string, string])[] =
    against === undefined
      ? [
          [count('closes'), 'would close', 'closes'],
          [count('undetermined'), 'open, severity unknown', 'undetermined'],
          [count('open') + plain, 'stay open', 'open'],
          [images, images === 1 ? 'image evaluated' : 'images evaluated', ''],
        ]
      : [
          [count('closes'), 'would close', 'closes'],
          [count('opens'), 'would open', 'opens'],
          [count('staysClosed'), 'stay closed', 'staysClosed'],
          [count('staysOpen') + plain, 'stay open', 'staysOpen'],
        ];
  return `<ul class="cards">${facts.map(([value, text, name]) => `<li><b class="${name}">${number(value)}</b>${text}</li>`).join('')}</ul>`;
}

/** A pale bar shows the reported findings, and a full bar the violating findings. */
function bars({ reported, simulation: { violating } }: PageInput): string {
  const most = Math.max(1, ...SEVERITY_WORDS.map((word) => Math.max(reported[word], violating[word])));
  const width = (value: number) => (value === 0 ? 0 : Math.max(1, Math.round((1000 * value) / most) / 10));
  // The width is an SVG attribute, because the page's content policy blocks inline styles.
  const bar = (word: SeverityWord) =>
    `<svg class="${word}" width="100%" height="14" aria-hidden="true"><rect class="reported" width="${width(reported[word])}%" height="14"/><rect width="${width(violating[word])}%" height="14"/></svg>`;
  const rows = SEVERITY_WORDS.map(
    (word) =>
      `<dt class="${word}">${word}</dt><dd class="bar">${bar(word)}</dd><dd>${number(violating[word])} of ${number(reported[word])}</dd>`,
  );
  return `<dl class="bars">${rows.join('')}</dl>
<p class="soft">Pale bar: reported findings. Full bar: violating findings. A finding in several images is counted once per image.</p>`;
}

/** Exempted findings, in the order of their end, because that is the order in which to review them. */
function exemptedHtml(simulation: Simulation, nameOf: (gate: GateOutcome) => string): string {
  const { exempted, more } = exemptedIn(simulation);
  if (exempted.length === 0) return '';
  const shown = exempted.slice(0, PAGE_EXEMPTED);
  const left = exempted.length - shown.length + more;
  const items = shown.map(({ finding, exemption, gates }) => {
    const [first = '', ...others] = gates.map(nameOf);
    const where = `${first}${others.length > 0 ? ` and ${number(others.length)} more` : ''}`;
    return `<li>${findingHtml(finding)} <span class="soft">${asText(describeExemption(exemption))} (${asText(where)})</span></li>`;
  });
  const rest = left > 0 ? `<li>and ${number(left)} more</li>` : '';
  return `<h2>Exempted findings</h2><ul class="findings">${items.join('')}${rest}</ul>`;
}

function filters(gates: readonly GateOutcome[]): string {
  const states = [...new Map(gates.map((gate) => [gate.change ?? gate.outcome, wordOf(gate)]))];
  const options = states.map(([value, word]) => `<option value="${value}">${word}</option>`).join('');
  const boxes = SEVERITY_WORDS.map(
    (word) => `<label class="${word}"><input type="checkbox" name="severity" value="${word}" checked> ${word}</label>`,
  );
  return `<form hidden>
<label>Text <input type="search" name="text" placeholder="repository, CVE, package" autocomplete="off"></label>
<label>State <select name="state"><option value="">all</option>${options}</select></label>
<fieldset><legend>Severity</legend>${boxes.join('')}</fieldset>
<output class="soft"></output>
</form>`;
}

function gateHtml(gate: GateOutcome, name: string): string {
  const state = gate.change ?? gate.outcome;
  const shown = name.endsWith(`:${gate.tags[0]}`) ? [] : gate.tags.slice(0, 5);
  const tags = shown.map(asText).join(', ');
  const more = gate.tags.length > 5 ? ` and ${counted(gate.tags.length - 5, 'more tag')}` : '';
  const counts = severitiesOf(gate);
  const words = SEVERITY_WORDS.filter((word) => counts[word] > 0);
  const images = counted(gate.images, 'image');
  const usage = usageSentence(gate);
  const parts = [
    list('Violates', gate.reasons, gate.images, exploitNote),
    list('No longer violates', gate.formerReasons, gate.images, () => ''),
    list('Severity unknown', gate.undetermined, gate.images, () => ''),
    list('Exempted', gate.exempted, gate.images, ({ exemption }) => describeExemption(exemption)),
  ];
  return `<details data-state="${state}" data-severities="${words.join(' ')}"><summary><span class="state ${state}">${wordOf(gate)}</span><b>${asText(name)}</b> <span class="soft">${tags === '' ? '' : `${tags}${more}; `}${images}</span><span class="counts">${words.map((word) => `<span class="${word}">${number(counts[word])} ${word}</span>`).join('')}</span></summary>
<div class="in">${gate.rule === null ? '' : `<p class="soft">By ${asText(gate.rule)}.</p>`}${gate.waitingFor === undefined ? '' : `<p class="soft">It ${STAYS_OPEN}.</p>`}${gate.mayNotCount ? '<p class="soft">Only untagged images close it. They are in scope only if a tagged index contains them, which the report does not show.</p>' : ''}${parts.join('')}${usage === undefined ? '' : `<p class="soft">${asText(usage)}</p>`}</div></details>`;
}

/** The violating findings by severity. If there are none, the gate's other findings. */
function severitiesOf({ violating, formerReasons, undetermined, exempted }: GateOutcome): SeverityCounts {
  if (SEVERITY_WORDS.some((word) => violating[word] > 0)) return violating;
  const counts = { ...NO_FINDINGS };
  for (const { first } of [formerReasons, undetermined, exempted]) {
    for (const { finding } of first) counts[severityWord(finding)] += 1;
  }
  return counts;
}

function list<T extends { readonly finding: Finding }>(
  title: string,
  { first, more }: Worst<InImages<T>>,
  images: number,
  note: (one: T) => string,
): string {
  if (first.length === 0) return '';
  const shown = first.slice(0, PAGE_FINDINGS);
  const left = first.length - shown.length + more;
  const items = shown.map((one) => {
    const where = images > 1 ? `in ${number(one.images)} of ${counted(images, 'image')}` : '';
    const notes = [note(one), where].filter((text) => text !== '').map(asText);
    return `<li>${findingHtml(one.finding)}${notes.length > 0 ? ` <span class="soft">${notes.join('; ')}</span>` : ''}</li>`;
  });
  const rest = left > 0 ? `<li>and ${number(left)} more</li>` : '';
  return `<h3>${title}</h3><ul class="findings">${items.join('')}${rest}</ul>`;
}

/** Why a finding counts as exploited. */
function exploitNote({ rule, epss }: Reason): string {
  if (rule !== 'exploited') return '';
  return epss === undefined ? 'has a known exploit' : `counts as exploited by its EPSS score ${epss}`;
}

function findingHtml(finding: Finding): string {
  const { vulnerability, package: found, score, exploited, epss, fix, link } = finding;
  const id = asText(vulnerability);
  // Only https links: a report may contain a javascript: link.
  const name = link?.startsWith('https://')
    ? `<a href="${asText(link)}" rel="noopener noreferrer" target="_blank">${id}</a>`
    : `<b>${id}</b>`;
  const facts = [
    describeSeverity(finding),
    score === undefined ? '' : `CVSS ${score}`,
    exploited ? 'known exploit' : '',
    epss === undefined ? '' : `EPSS ${epss}`,
  ];
  const where = [found.name, found.version].filter((text) => text !== '').join(' ');
  const way =
    found.fixedVersion === undefined
      ? { available: 'a fix is available', none: 'no fix yet', unknown: 'unknown whether a fix exists' }[fix]
      : `fixed in ${found.fixedVersion}`;
  const severityText = facts.filter((text) => text !== '').join(', ');
  return `${name} <span class="${severityWord(finding)}">${asText(severityText)}</span> ${asText(where)}: ${asText(way)}`;
}
