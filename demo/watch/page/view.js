// Builds the elements for images and log lines on the page of `npm start -- --watch`. Text is only ever set as text,
// never as markup.

/** Creates an element. A property whose name contains a hyphen is set as an attribute. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.includes('-')) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== undefined));
  return element;
}

/** The state of the gate as it affects pulls. */
function gateState({ isClosed, state = '' }) {
  if (isClosed) return { kind: 'closed', word: 'closed' };
  const [, why] = /^waiting: (.*)$/.exec(state) ?? [];
  return why === undefined ? { kind: 'open', word: 'open' } : { kind: 'waiting', word: `open, waiting (${why})` };
}

const SETTINGS = { AWS: 'The repository’s policy', Azure: 'The manifest’s attributes' };

/** One cloud's view of an image; `before` is the previous view. */
function cloudOf(name, shown, before) {
  if (shown === undefined)
    return h('div', { className: 'cloud' }, h('p', {}, h('b', {}, name), ': not in the registry'));
  const { kind, word } = gateState(shown);
  const isChanged = before !== undefined && gateState(before).kind !== kind;
  const { pull, isClosed } = shown;
  return h(
    'div',
    { className: `cloud ${kind}${isChanged ? ' changed' : ''}`, 'data-cloud': name },
    h('p', {}, h('b', {}, name), ' ', h('span', { className: `gate ${kind}` }, word)),
    pull && pulled(pull, isClosed),
    shown.why && h('p', { className: 'quiet' }, shown.why),
    h('details', {}, h('summary', {}, SETTINGS[name]), h('pre', {}, shown.setting)),
  );
}

/** The result of the last pull; dimmed if a pull would have another result now. */
function pulled({ at, status, isRefused }, isClosed) {
  const kind = isRefused ? 'refused' : 'allowed';
  const className = isRefused === isClosed ? kind : 'quiet';
  return h('p', { className }, `Last pull, ${timeOf(at)}: ${status}, ${kind}`);
}

function findingOf(image, { id, severity, package: found, fixedVersion, exploited }) {
  const fix = fixedVersion === undefined ? 'no fix yet' : `fixed in ${fixedVersion}`;
  return h(
    'li',
    {},
    h('span', { className: `severity ${severity}` }, severity),
    h('span', {}, `${id} in ${found.name} ${found.version}: ${fix}${exploited ? ', exploit known' : ''}`),
    h(
      'button',
      { type: 'button', 'data-do': 'except', 'data-id': id, 'data-repository': image.repository },
      'Add an exception',
    ),
  );
}

const SCANS = {
  none: 'not scanned yet',
  found: '',
  clean: 'scanned clean',
  forgotten: 'no longer scanned',
};

const BUTTONS = [
  ['pull', 'Pull'],
  ['report', 'Report a finding'],
  ['scanClean', 'Report a clean scan'],
  ['forget', 'Drop the findings'],
  ['remove', 'Delete'],
];

export function imageOf(image, clouds, before) {
  const { digest, tags, findings, scan, on } = image;
  return h(
    'article',
    { className: 'image card', 'data-key': `${image.repository}@${digest}` },
    h(
      'p',
      { className: 'title' },
      h('span', { className: 'tag' }, tags.length === 0 ? 'untagged' : tags.map((tag) => `:${tag}`).join(' ')),
      h('code', { className: 'quiet' }, digest.slice(0, 'sha256:'.length + 12)),
      h('span', { className: 'quiet' }, SCANS[scan]),
    ),
    findings.length === 0
      ? undefined
      : h('ul', { className: 'findings' }, ...findings.map((finding) => findingOf(image, finding))),
    h('div', { className: 'clouds' }, ...clouds.map(({ name }) => cloudOf(name, on[name], before?.on[name]))),
    h(
      'p',
      { className: 'buttons' },
      ...BUTTONS.map(([what, words]) =>
        h(
          'button',
          { type: 'button', 'data-do': what, 'data-repository': image.repository, 'data-digest': digest },
          words,
        ),
      ),
    ),
  );
}

const KINDS = { act: '', decision: 'decision', line: 'log', mail: 'mail', problem: 'problem' };

export function timeOf(instant) {
  return new Date(instant).toLocaleTimeString([], { hour12: false });
}

export function entryOf({ at, cloud, kind, tone = '', text, more }) {
  const words = more === undefined ? h('p', {}, text) : h('details', {}, h('summary', {}, text), h('pre', {}, more));
  return h(
    'li',
    { className: `${kind} ${tone}` },
    h('time', { dateTime: at }, timeOf(at)),
    ' ',
    cloud && h('span', { className: 'who' }, cloud),
    ' ',
    h('span', { className: 'kind' }, KINDS[kind]),
    words,
  );
}
