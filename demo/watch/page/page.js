// The page of `npm start -- --watch`: shows what the server sends, and sends it the user's actions.
import { createPolicyForm, fillSeverities } from './policy.js';
import { entryOf, h, imageOf, timeOf } from './view.js';

const MOST_ENTRIES = 400;
const EXCEPTION_DAYS = 30;
const DAY_MILLISECONDS = 86_400_000;

const byId = (id) => document.getElementById(id);
const token = document.querySelector('meta[name="pullgate-token"]').content;
/** The last state that the server sent. */
let now = { clouds: [], images: [] };
/** The elements on the page, by image. An element is kept until its image changes. */
const shown = new Map();

/** Sends an action to the server. Returns whether it succeeded. */
async function ask(action) {
  byId('problem').hidden = true;
  try {
    const headers = { 'content-type': 'application/json', 'x-pullgate-token': token };
    const response = await fetch('/do', { method: 'POST', headers, body: JSON.stringify(action) });
    if (response.ok) return true;
    complain((await response.json()).problem);
  } catch {
    complain('The server does not answer. Is `npm start -- --watch` still running?');
  }
  return false;
}

function complain(problem) {
  byId('problem').textContent = problem;
  byId('problem').hidden = false;
}

/** The buttons whose actions are running. They stay disabled, even if their element is rebuilt. */
const pending = new Set();

function keyOf({ id, dataset }) {
  return JSON.stringify([id, dataset.do, dataset.minutes, dataset.repository, dataset.digest]);
}

async function withButton(button, work) {
  const key = keyOf(button);
  const others = () => [...document.querySelectorAll('button')].filter((one) => keyOf(one) === key);
  pending.add(key);
  for (const one of others()) one.disabled = true;
  try {
    return await work();
  } finally {
    pending.delete(key);
    for (const one of others()) one.disabled = false;
  }
}

const policy = createPolicyForm(byId('policy-form'), (config) => ask({ do: 'deploy', config }));
for (const select of document.querySelectorAll('select[name="severity"]')) fillSeverities(select, 'critical');

byId('push-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const { elements } = event.target;
  const [repository, tag] = [elements.repository.value.trim(), elements.tag.value.trim()];
  withButton(event.submitter, async () => {
    if (!(await ask({ do: 'push', repository, tag }))) return;
    // Suggest the next number for the next tag.
    elements.tag.value = tag.replace(/\d+$/, (number) => String(Number(number) + 1));
  });
});

byId('burst-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const { images, severity } = event.target.elements;
  withButton(event.submitter, () => ask({ do: 'burst', images: Number(images.value), severity: severity.value }));
});

byId('time').addEventListener('click', ({ target }) => {
  const { minutes } = target.dataset;
  if (minutes !== undefined) withButton(target, () => ask({ do: 'letPass', minutes: Number(minutes) }));
});

byId('images').addEventListener('click', ({ target }) => {
  const button = target.closest('button');
  if (button === null) return;
  const { do: what, repository, digest, id } = button.dataset;
  if (what === 'report') openReport(repository, digest);
  else if (what === 'except') openException(id, repository);
  else withButton(button, () => ask({ do: what, repository, digest }));
});

byId('add-exception').addEventListener('click', () => openException('', ''));
byId('all-lines').addEventListener('change', ({ target }) => byId('entries').classList.toggle('all', target.checked));

/** Opens a dialog. Calls `done` with the form's elements and the pressed button, unless that is Cancel. */
function open(dialog, done) {
  dialog.returnValue = 'cancel';
  dialog.onclose = () => {
    if (dialog.returnValue !== 'cancel') done(dialog.querySelector('form').elements, dialog.returnValue);
  };
  dialog.showModal();
}

function openReport(repository, digest) {
  const dialog = byId('report');
  const numbers = now.images.flatMap(({ findings }) =>
    findings.flatMap(({ id }) => /^CVE-2026-(1\d{3})$/.exec(id)?.[1] ?? []),
  );
  dialog.querySelector('form').elements.id.value = `CVE-2026-${Math.max(1000, ...numbers.map(Number)) + 1}`;
  dialog.querySelector('.of').textContent = `${repository} @ ${digest.slice(0, 19)}`;
  open(dialog, ({ id, severity, package: found, isFixable, isExploited }) => {
    const given = { id: id.value.trim(), severity: severity.value, package: found.value.trim() };
    ask({ do: 'report', repository, digest, ...given, isFixable: isFixable.checked, isExploited: isExploited.checked });
  });
}

function openException(id, repository) {
  const dialog = byId('except');
  const { elements } = dialog.querySelector('form');
  const ahead = Math.max(0, ...now.clouds.map(({ aheadSeconds }) => aheadSeconds * 1_000));
  elements.id.value = id;
  elements.repository.value = repository;
  elements.expires.value = new Date(Date.now() + ahead + EXCEPTION_DAYS * DAY_MILLISECONDS).toISOString().slice(0, 10);
  open(dialog, ({ id, repository, expires, reason, approvedBy }, how) => {
    const optional = Object.entries({ repository, approvedBy }).flatMap(([key, { value }]) =>
      value.trim() === '' ? [] : [[key, value.trim()]],
    );
    const exception = { id: id.value.trim(), expires: expires.value, reason: reason.value.trim() };
    policy.except({ ...exception, ...Object.fromEntries(optional) }, how === 'deploy');
  });
}

function showClocks() {
  byId('clocks').replaceChildren(
    ...now.clouds.map(({ name, aheadSeconds, deadLetters }) => {
      const minutes = Math.round(aheadSeconds / 60);
      const ahead = minutes > 0 ? ` (+${minutes} min)` : '';
      const dead = deadLetters > 0 ? `, ${deadLetters} dead-letter ${deadLetters === 1 ? 'message' : 'messages'}` : '';
      return h('li', {}, h('b', {}, name), ` ${timeOf(Date.now() + aheadSeconds * 1_000)}${ahead}${dead}`);
    }),
  );
}

function showStatus(kind, words) {
  const status = byId('status');
  if (status.className === kind && status.textContent === words) return;
  status.className = kind;
  status.textContent = words;
}

/** The image's element, rebuilt only if the image changed. Open details stay open, and the focus stays. */
function elementOf(image) {
  const key = `${image.repository}@${image.digest}`;
  const text = JSON.stringify(image);
  const before = shown.get(key);
  if (before?.text === text) return before.element;
  const element = imageOf(image, now.clouds, before?.image);
  if (before !== undefined) {
    const opened = [...before.element.querySelectorAll('details')].map(({ open }) => open);
    for (const [index, details] of [...element.querySelectorAll('details')].entries())
      details.open = opened[index] ?? false;
    const { do: focused } = before.element.contains(document.activeElement) ? document.activeElement.dataset : {};
    if (focused !== undefined) queueMicrotask(() => element.querySelector(`[data-do="${focused}"]`)?.focus());
  }
  for (const button of element.querySelectorAll('button')) button.disabled = pending.has(keyOf(button));
  shown.set(key, { text, image, element });
  return element;
}

function showImages() {
  const repositories = Map.groupBy(now.images, ({ repository }) => repository);
  const sections = [...repositories].map(([repository, images]) =>
    h('section', { className: 'repository' }, h('h3', {}, repository), ...images.toReversed().map(elementOf)),
  );
  byId('images').replaceChildren(...sections);
  byId('empty').hidden = now.images.length > 0;
  const keys = new Set(now.images.map(({ repository, digest }) => `${repository}@${digest}`));
  for (const key of shown.keys()) if (!keys.has(key)) shown.delete(key);
}

const events = new EventSource('/events');
events.addEventListener('run', ({ data }) => {
  // The server was restarted, so reload the page.
  if (JSON.parse(data) !== token) location.reload();
});
events.addEventListener('state', ({ data }) => {
  now = JSON.parse(data);
  showStatus(now.busy === undefined ? 'live' : 'busy', now.busy === undefined ? 'live' : `${now.busy} …`);
  showClocks();
  showImages();
  policy.take(now.config);
});
events.addEventListener('entry', ({ data }) => {
  const entries = byId('entries');
  entries.prepend(entryOf(JSON.parse(data)));
  while (entries.childElementCount > MOST_ENTRIES) entries.lastElementChild.remove();
});
events.addEventListener('error', () => showStatus('lost', 'Disconnected. Is npm start -- --watch still running?'));
setInterval(showClocks, 1_000);
