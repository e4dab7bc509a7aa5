// One run's world on the local Azure: a registry with its attributes, Defender's assessments of its images, and the
// attributes and locks that others have set.
import { type Attributes, UNLOCKED } from '../../local/azure/acr.ts';
import type { Cve } from '../../local/azure/assessment.ts';
import type { LocalAzure } from '../../local/azure/cloud.ts';
import { forwarded } from '../forwarded.ts';
import { type Draw, oneOf } from './draw.ts';
import type { Fate } from './fates.ts';
import type { Scenario } from './scenario.ts';
import type { Step, Vulnerability, WorldStep } from './truth.ts';

const MINUTE = 60_000;
export const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acmeimages';

/**
 * An event may arrive up to two minutes after its row was written (azure/function/invocation.ts). If two rows of one
 * assessment are written within that time, the function may take the first row for the one that the second event
 * reports. The workspace then decides which of the rows the function sees.
 */
const SAME_EVENT_MILLISECONDS = 2 * MINUTE;

/** How an assessment may name its image. */
const NAMINGS = ['path', 'dashed', 'joined', 'nameless'] as const;

export interface AzureWorld {
  /** Performs a step. The rows that it writes to the workspace become visible after `rowDelayMinutes`. */
  happen(step: Exclude<WorldStep, { kind: 'policy' }>, fate: Fate, rowDelayMinutes: number): Promise<void>;
  /** Makes the details of every reported CVE known. */
  completeDetails(): void;
  /** The name of a gate in the scenario: `team/app-1`, or `team/app-1@image-1-2`. The digest may be abbreviated. */
  gateName(repository: string, digest: string | undefined): string;
  /** The repository and the digest of an image. */
  imageOf(image: string): { readonly repository: string; readonly digest: string };
  /** The names of images by their digests. */
  readonly names: ReadonlyMap<string, string>;
  /** The gates that are closed, by pullgate or by others. */
  closed(): ReadonlySet<string>;
  damage(): readonly string[];
  /** Opens a closed repository or image, as another user would, unless others have locked it. */
  open(repository: string, digest: string | undefined): void;
}

export function azureWorldOf(cloud: LocalAzure, scenario: Scenario, draw: Draw): AzureWorld {
  const { truth, granularity, hasDetailsApart } = scenario;
  const { acr, defender, workspace, clock } = cloud;
  const registry = acr.registry(REGISTRY);
  const digests = new Map<string, string>();
  const names = new Map<string, string>();
  /** Assessment ids, by image and vulnerability. */
  const ids = new Map<string, string>();
  const replays = new Map<string, ReturnType<typeof defender.eventOf>>();
  const lastRows = new Map<string, { readonly writtenAt: number; readonly seenAt: number }>();
  /** The attributes that the team has set, by `team/app-1` or `team/app-1@sha256:...`. */
  const ofTeam = new Map<string, Partial<Attributes>>();
  /** Resource Graph gets the details of some CVEs only at the next step. */
  const lateDetails = new Map<string, Cve>();
  let edits = 0;

  const now = () => clock.now().getTime();
  const imageOf = (name: string) => {
    const image = truth.images.get(name);
    const digest = digests.get(name);
    if (image === undefined || digest === undefined) throw new Error(`${name} was never pushed`);
    return { repository: image.repository, digest };
  };
  const idOf = (image: string, { id }: Pick<Vulnerability, 'id'>) => ids.get(`${image} ${id}`) ?? '';
  const isOfOthers = (digest: string) => truth.images.get(names.get(digest) ?? '')?.foreignLock === true;
  const targetsIn = (repository: string): readonly (string | undefined)[] => {
    const found = registry.repositories.get(repository);
    return found === undefined ? [] : [undefined, ...found.manifests.keys()];
  };
  const keyOf = (repository: string, digest: string | undefined) =>
    digest === undefined ? repository : `${repository}@${digest}`;
  const set = (repository: string, digest: string | undefined, attributes: Partial<Attributes>) =>
    registry.setAttributes(repository, attributes, digest === undefined ? {} : { digest });

  function completeDetails(): void {
    for (const cve of lateDetails.values()) cloud.cveDetails.set(cve);
    lateDetails.clear();
  }

  /** Rows of one assessment that the function cannot tell apart become visible together. */
  function writeRows(of: readonly string[], delayMinutes: number): void {
    let seenAt = now() + delayMinutes * MINUTE;
    for (const id of of) {
      const last = lastRows.get(id);
      if (last !== undefined && now() - last.writtenAt <= SAME_EVENT_MILLISECONDS)
        seenAt = Math.min(seenAt, Math.max(now(), last.seenAt));
    }
    for (const id of of) lastRows.set(id, { writtenAt: now(), seenAt });
    workspace.ingestionDelayMilliseconds = seenAt - now();
  }

  async function assess(image: string, vulnerability: Vulnerability, status: 'Unhealthy' | 'Healthy', delay: number) {
    const known = idOf(image, vulnerability);
    writeRows(known === '' ? [] : [known], delay);
    const how = (choice: string) => draw('shape', choice, image, vulnerability.id) < 0.5;
    const name = `package-of-${vulnerability.id}`;
    const cve = cveOf(vulnerability);
    // The bare id says the same if the recommendation has the CVE's severity, and nothing else is known of the CVE.
    const mayBeBare =
      vulnerability.severity !== undefined && !vulnerability.exploited && vulnerability.epss === undefined;
    const isBare = hasDetailsApart || (mayBeBare && how('details'));
    if (hasDetailsApart && draw('shape', 'late', vulnerability.id) < 0.3) lateDetails.set(cve.id, cve);
    else cloud.cveDetails.set(cve);
    const [id = ''] = await defender.assess({
      registry: REGISTRY,
      ...imageOf(image),
      package: { name, version: '1.0.0', ...(vulnerability.fixable ? { fixedVersion: '1.0.1' } : {}) },
      cves: [cve],
      severity: hasDetailsApart ? '' : (cve.severity ?? ''),
      status,
      casing: how('casing') ? 'camel' : 'pascal',
      cvesAs: how('list') ? 'text' : 'array',
      details: isBare ? 'bare' : 'rich',
      naming: oneOf(draw('shape', 'naming', image, vulnerability.id), NAMINGS) ?? 'path',
      additionalAs: how('additional') ? 'text' : 'object',
    });
    if (known === '') writeRows([id], delay);
    ids.set(`${image} ${vulnerability.id}`, id);
    replays.set(id, defender.eventOf(id));
  }

  async function push({ image, repository, tag }: Extract<Step, { kind: 'push' }>): Promise<void> {
    const isThere = registry.repositories.get(repository)?.manifests.has(digests.get(image) ?? '') === true;
    const digest = registry.push(repository, { tag, content: image });
    digests.set(image, digest);
    names.set(digest, image);
    if (!isThere && isOfOthers(digest)) set(repository, digest, { readEnabled: false });
  }

  /** Repeats an event: the automation sends it again, or its old queue message arrives again. */
  async function replay(image: string, vulnerability: Vulnerability, fate: Fate): Promise<void> {
    const event = replays.get(idOf(image, vulnerability));
    if (event === undefined) return;
    if (draw('replay', image, vulnerability.id) < 0.5) return defender.sendEvent(event);
    const at = new Date(now() - 10 * MINUTE).toISOString();
    const message = { ...forwarded(event), at };
    const text = Buffer.from(JSON.stringify(message)).toString('base64');
    for (let copy = fate.isLost ? fate.copies : 0; copy < fate.copies; copy++)
      cloud.queue.send(text, { visibilityTimeoutSeconds: fate.delayMinutes * 60 });
  }

  function edit(repository: string): void {
    edits += 1;
    const targets = targetsIn(repository);
    if (targets.length === 0) return;
    const digest = oneOf(draw('edited', edits), targets);
    const key = keyOf(repository, digest);
    const attribute = draw('attribute', edits) < 0.5 ? 'writeEnabled' : 'deleteEnabled';
    const changed = { ...ofTeam.get(key), [attribute]: !(ofTeam.get(key)?.[attribute] ?? true) };
    ofTeam.set(key, changed);
    set(repository, digest, changed);
  }

  function remove(image: string): void {
    const { repository, digest } = imageOf(image);
    registry.delete(repository, digest);
    ofTeam.delete(keyOf(repository, digest));
    if (!registry.repositories.has(repository)) ofTeam.delete(repository);
  }

  function open(repository: string, digest: string | undefined): void {
    if (targetsIn(repository).includes(digest) && !isOfOthers(digest ?? ''))
      set(repository, digest, { readEnabled: true });
  }

  function gateName(repository: string, digest: string | undefined): string {
    if (digest === undefined) return repository;
    const [, name = digest] = [...names].find(([known]) => known.startsWith(digest)) ?? [];
    return `${repository}@${name}`;
  }

  /** The expected attributes. If the target is a gate, `readEnabled` is pullgate's to set. */
  function expected(repository: string, digest: string | undefined, found: Attributes): Attributes {
    const isGate = (digest === undefined) === (granularity === 'repository');
    const readEnabled = isOfOthers(digest ?? '') ? false : isGate ? found.readEnabled : true;
    return { ...UNLOCKED, ...ofTeam.get(keyOf(repository, digest)), readEnabled };
  }

  return {
    names,
    imageOf,
    gateName,
    open,
    completeDetails,
    async happen(step, fate, delay) {
      completeDetails();
      switch (step.kind) {
        case 'push':
          return push(step);
        case 'report':
          return assess(step.image, step.vulnerability, 'Unhealthy', delay);
        case 'vanish': {
          const gone = [...ids].flatMap(([key, id]) =>
            key.startsWith(`${step.image} `) && defender.assessment(id)?.status === 'Unhealthy' ? [id] : [],
          );
          await defender.remove(gone);
          const keys = new Set(gone.map((id) => id.split('/').at(-1)));
          return workspace.forgetRows(({ RecommendationId: key }) => keys.has(String(key)));
        }
        case 'fix':
          for (const { vulnerability } of truth.images.get(step.image)?.findings.values() ?? [])
            await assess(step.image, vulnerability, 'Healthy', delay);
          return;
        case 'suppress':
        case 'unsuppress': {
          const id = idOf(step.image, step.vulnerability);
          writeRows([id], delay);
          return defender.setStatus(id, step.kind === 'suppress' ? 'NotApplicable' : 'Unhealthy');
        }
        case 'remove':
          return remove(step.image);
        case 'replay':
          return replay(step.image, step.vulnerability, fate);
        case 'edit':
          return edit(step.repository);
        case 'strip':
          for (const digest of targetsIn(step.repository)) open(step.repository, digest);
          return;
      }
    },
    closed() {
      const found = new Set<string>();
      for (const { name, attributes, manifests } of registry.repositories.values()) {
        if (granularity === 'repository' && !attributes.readEnabled) found.add(name);
        if (granularity === 'image')
          for (const [digest, manifest] of manifests)
            if (!manifest.attributes.readEnabled) found.add(gateName(name, digest));
      }
      return found;
    },
    damage() {
      return [...registry.repositories.values()].flatMap(({ name, attributes, manifests, tags }) => [
        ...differences(name, attributes, expected(name, undefined, attributes)),
        ...[...manifests].flatMap(([digest, manifest]) =>
          differences(gateName(name, digest), manifest.attributes, expected(name, digest, manifest.attributes)),
        ),
        ...[...tags.values()].flatMap((tag) => differences(`${name}:${tag.name}`, tag.attributes, UNLOCKED)),
      ]);
    },
  };
}

function differences(what: string, found: Attributes, wanted: Attributes): readonly string[] {
  const keys = Object.keys(UNLOCKED) as (keyof Attributes)[];
  return keys.flatMap((key) =>
    found[key] === wanted[key] ? [] : [`${what}: ${key} should be ${wanted[key]} and is ${found[key]}`],
  );
}

function cveOf({ id, severity, score, exploited, epss }: Vulnerability): Cve {
  const word = severity === undefined ? '' : severity.charAt(0).toUpperCase() + severity.slice(1);
  return { id, severity: word, score, isInExploitKit: exploited, ...(epss === undefined ? {} : { epss }) };
}
