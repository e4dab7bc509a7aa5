// Renders the report of a run as one self-contained HTML page.
import { minute } from '../../shared/report/times.ts';
import { asText, htmlPage } from '../simulate/page-assets.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import type { StepResult } from './prove.ts';
import type { Report } from './report.ts';
import type { Unknown } from './scratch.ts';
import { spanOf } from './wait.ts';

/** The words and the classes of the shared style. */
const STATES = {
  done: ['ok', 'open'],
  failed: ['failed', 'closes'],
  interrupted: ['ended', 'staysClosed'],
  notRun: ['not run', 'soft'],
} as const;
const RESULTS = { proven: 'proven', failed: 'not proven: a step failed', interrupted: 'not proven: the run was ended' };

/** Renders the page. It loads nothing. */
export function pageOf(report: Report): string {
  const { cloud, result, startedAt, seconds, pullgate, granularity, sweepHours, steps, unknowns, left, remains } =
    report;
  const settled = unknowns.filter((unknown) => unknown.settled).length;
  const longest = Math.max(1, ...steps.map((step) => step.seconds ?? 0));
  const main = `<h1>pullgate on ${CLOUD_NAMES[cloud]}: ${RESULTS[result]}</h1>
<p class="soft">pullgate ${asText(pullgate)}; begun at ${minute(startedAt)}; a gate is one ${granularity}; a sweep every ${sweepHours} hours.</p>
<ul class="cards">
<li><b>${spanOf(seconds)}</b>in all</li>
<li><b>${timeOf(steps, 'found')}</b>until the scanner found it</li>
<li><b>${timeOf(steps, 'closed')}</b>until the gate was closed</li>
<li><b>${settled} of ${unknowns.length}</b>open questions settled</li>
</ul>
<h2>Steps</h2>
<dl class="bars steps">${steps.map((step) => stepHtml(step, longest)).join('')}</dl>
<h2>What was found</h2>
<ul class="findings">${steps.flatMap(foundHtml).join('')}</ul>
<h2>Left behind</h2>
<ul class="findings">${[...left.map(({ what, toDo }) => `${what}. To do: ${toDo}`), ...remains].map((text) => `<li>${asText(text)}</li>`).join('') || '<li>Nothing.</li>'}</ul>
<h2>What the documentation of the cloud leaves open</h2>
<ul class="findings">${unknowns.map(unknownHtml).join('')}</ul>`;
  return htmlPage(`pullgate prove: ${RESULTS[result]}`, main);
}

function timeOf(steps: readonly StepResult[], name: string): string {
  const step = steps.find((one) => one.name === name);
  return step?.state === 'done' && step.seconds !== undefined ? spanOf(step.seconds) : '-';
}

/** The width is an SVG attribute, because the page's content policy blocks inline styles. */
function stepHtml({ title, state, seconds }: StepResult, longest: number): string {
  const [word, style] = STATES[state];
  const width = seconds === undefined || seconds === 0 ? 0 : Math.max(1, Math.round((1000 * seconds) / longest) / 10);
  const bar = `<svg class="${style}" width="100%" height="14" aria-hidden="true"><rect width="${width}%" height="14"/></svg>`;
  const time = seconds === undefined ? '' : ` ${spanOf(seconds)}`;
  return `<dt>${asText(title)}</dt><dd class="bar">${bar}</dd><dd><span class="state ${style}">${word}</span>${time}</dd>`;
}

function unknownHtml({ question, settled, answer, details = [] }: Unknown): string {
  const state = `<span class="state ${settled ? 'open' : 'undetermined'}">${settled ? 'settled' : 'open'}</span>`;
  const more = details.length === 0 ? '' : `<p class="soft">${details.map(asText).join('<br>')}</p>`;
  return `<li>${state}<b>${asText(question)}</b><p>${asText(answer)}</p>${more}</li>`;
}

function foundHtml({ title, found }: StepResult): readonly string[] {
  return found === undefined ? [] : [`<li><b>${asText(title)}</b>: ${asText(found)}</li>`];
}
