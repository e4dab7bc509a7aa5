// The form for the stack's config on the page of `npm start -- --watch`: edits a draft, which `pulumi up` deploys.
import { h } from './view.js';

const SEVERITIES = ['critical', 'high', 'medium', 'low', 'informational'];
const AS_THRESHOLD = 'as severityThreshold';

export function fillWith(select, values, chosen) {
  select.replaceChildren(...values.map((value) => h('option', { value, selected: value === chosen }, value)));
}

export function fillSeverities(select, chosen) {
  fillWith(select, SEVERITIES, chosen);
}

/** @param deploy deploys the draft, and returns whether it succeeded */
export function createPolicyForm(form, deploy) {
  const field = (name) => form.elements.namedItem(name);
  const [list, status, button] = ['exceptions', 'draft', 'deploy'].map((id) => document.getElementById(id));
  let deployed;
  let draft;

  fillSeverities(field('severityThreshold'));
  fillWith(field('unfixable'), [AS_THRESHOLD, ...SEVERITIES, 'never']);
  fillWith(field('exploited'), ['never', ...SEVERITIES]);

  const isChanged = () => JSON.stringify(draft) !== JSON.stringify(deployed);
  const exceptions = () => (Array.isArray(draft.policy.exceptions) ? draft.policy.exceptions : []);

  function show({ isTyping = false } = {}) {
    const { severityThreshold, mode, maxClosesPerHour, policy } = draft;
    field('severityThreshold').value = severityThreshold;
    field('mode').value = mode;
    field('maxClosesPerHour').value = maxClosesPerHour;
    field('unfixable').value = policy.unfixable ?? AS_THRESHOLD;
    field('exploited').value = policy.exploited ?? 'never';
    if (!isTyping) field('json').value = JSON.stringify(policy, undefined, 2);
    list.replaceChildren(
      ...exceptions().map((one, index) =>
        h(
          'li',
          {},
          h(
            'span',
            {},
            `${one.id}${one.repository ? ` in ${one.repository}` : ''}, until ${one.expires}: ${one.reason}`,
          ),
          h('button', { type: 'button', 'aria-label': `Remove the exception for ${one.id}`, 'data-place': index }, '✕'),
        ),
      ),
    );
    status.textContent = isChanged() ? 'Changed, but not deployed yet.' : 'This config is deployed.';
  }
  /** Without a value, the key is omitted and its default applies. */
  function refine(key, value) {
    const { [key]: _before, ...policy } = draft.policy;
    draft = { ...draft, policy: value === undefined ? policy : { ...policy, [key]: value } };
  }
  async function send() {
    button.disabled = true;
    const sent = draft;
    try {
      if (await deploy(sent)) deployed = sent;
    } finally {
      button.disabled = false;
    }
    show();
  }

  form.addEventListener('input', ({ target: { name, value } }) => {
    if (name === 'unfixable') refine(name, value === AS_THRESHOLD ? undefined : value);
    else if (name === 'exploited') refine(name, value === 'never' ? undefined : value);
    else if (name === 'maxClosesPerHour') draft = { ...draft, maxClosesPerHour: Number(value) };
    else if (name === 'json') {
      const policy = objectIn(value);
      field('json').setCustomValidity(policy === undefined ? 'Enter a JSON object.' : '');
      if (policy !== undefined) draft = { ...draft, policy };
    } else draft = { ...draft, [name]: value };
    show({ isTyping: name === 'json' });
  });
  list.addEventListener('click', ({ target }) => {
    const place = target.closest('button')?.dataset.place;
    if (place === undefined) return;
    refine(
      'exceptions',
      exceptions().filter((_one, index) => index !== Number(place)),
    );
    show();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send();
  });
  return {
    /** Takes over the deployed config. A draft with changes is kept. */
    take(config) {
      const isUntouched = draft === undefined || !isChanged();
      if (JSON.stringify(deployed) === JSON.stringify(config)) return;
      deployed = config;
      if (isUntouched) draft = config;
      show();
    },
    async except(exception, isAtOnce) {
      refine('exceptions', [...exceptions(), exception]);
      show();
      if (isAtOnce) await send();
    },
  };
}

function objectIn(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
