// Drives the local Azure for the demo: pushes and pulls images, and makes Defender for Cloud report and resolve
// findings.

import type { Cve } from '../local/azure/assessment.ts';
import { type LocalAzure, startAzure } from '../local/azure/cloud.ts';
import { wallClock } from '../local/clock.ts';
import type { Graph } from '../local/graph.ts';
import type { Acts, Found, ImageRef } from './acts.ts';

/** The registry, which exists before the stack is deployed. */
export const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/shop/providers/Microsoft.ContainerRegistry/registries/acmeshop';

export interface AzureActs extends Acts {
  readonly cloud: LocalAzure;
}

/** Everything that Defender has found in one package of an image, and the ids of the current assessment. */
interface Assessed {
  readonly found: readonly Found[];
  /** A new finding is added to the current ones only if those have been neither resolved nor removed. */
  readonly isResolved: boolean;
  readonly ids: readonly string[];
}

/** By the package's name. */
type Packages = Map<string, Assessed>;

/** Starts the cloud on the machine's clock, with the stack deployed. */
export async function startAzureActs(graph: Graph): Promise<AzureActs> {
  const cloud = await startAzure(graph, { clock: wallClock() });
  const registry = cloud.acr.registry(REGISTRY);
  const as = (name: string, role: string) => cloud.oci(cloud.principals.add(name, [{ role, scope: REGISTRY }]));
  const [ci, production] = [as('ci', 'AcrPush'), as('production', 'AcrPull')];
  const reported = new Map<string, Packages>();
  let gaps = 0;

  const packagesOf = ({ repository, digest }: ImageRef): Packages => {
    const key = `${repository}@${digest}`;
    const known = reported.get(key) ?? new Map<string, Assessed>();
    reported.set(key, known);
    return known;
  };
  const tagsOf = ({ repository, digest }: ImageRef): readonly string[] =>
    [...(registry.repositories.get(repository)?.tags.values() ?? [])].flatMap((tag) =>
      tag.digest === digest ? [tag.name] : [],
    );
  const assess = async (image: ImageRef, found: readonly Found[], status: 'Unhealthy' | 'Healthy') => {
    const [first] = found;
    if (first === undefined) return;
    const fix = first.fixedVersion === undefined ? {} : { fixedVersion: first.fixedVersion };
    const software = { ...first.package, ...fix };
    const of = { registry: REGISTRY, ...image, tags: tagsOf(image) };
    // Only the detailed form of an assessment names an exploit; Defender omits the details since July 2026.
    const details = found.some(({ exploited }) => exploited === true) ? 'rich' : 'bare';
    const ids = await cloud.defender.assess({ ...of, package: software, cves: found.map(cveOf), details, status });
    packagesOf(image).set(first.package.name, { found, ids, isResolved: status === 'Healthy' });
  };
  /** Removes the assessments of an image, and its rows. */
  const removeAssessments = async (image: ImageRef) => {
    const packages = packagesOf(image);
    for (const [name, { found, ids }] of packages) {
      await cloud.defender.remove(ids);
      packages.set(name, { found, ids: [], isResolved: true });
    }
    const isOfImage = (row: object) => {
      const text = JSON.stringify(row);
      return text.includes(image.digest) && text.includes(image.repository);
    };
    cloud.workspace.forgetRows(isOfImage);
  };

  return {
    cloud,
    name: 'Azure',
    scanner: 'Defender for Cloud',
    clock: cloud.clock,
    push: (repository, tag, content) => ci.push(registry, repository, tag, content),
    pull: (repository, reference) => production.pull(registry, repository, reference),
    digestOf(repository, tag) {
      const digest = registry.repositories.get(repository)?.tags.get(tag)?.digest;
      if (digest !== undefined) return digest;
      throw new Error(`${repository}:${tag} is not in the registry`);
    },
    async report({ repository, digest }, found) {
      const image = { repository, digest };
      const packages = packagesOf(image);
      const byPackage = Map.groupBy(found, (one) => one.package.name);
      for (const [name, fresh] of byPackage) {
        const { found: known, isResolved } = packages.get(name) ?? { found: [], isResolved: true };
        const others = isResolved ? [] : known.filter(({ id }) => !fresh.some((one) => one.id === id));
        await assess(image, [...others, ...fresh], 'Unhealthy');
      }
    },
    async scanClean({ repository, digest }) {
      const image = { repository, digest };
      for (const { found } of packagesOf(image).values()) await assess(image, found, 'Healthy');
    },
    async forget(image) {
      await removeAssessments(image);
      return 'Defender removes its assessment of an image that is no longer pulled, and its rows in Log Analytics expire.';
    },
    async remove(image) {
      registry.delete(image.repository, image.digest);
      await removeAssessments(image);
    },
    runUntilIdle: async () => void (await cloud.runUntilIdle({ advance: true })),
    letPass: async (milliseconds) => void (await cloud.advance(milliseconds)),
    async redeploy(next) {
      await cloud.deploy(next);
      await cloud.fireTimer('tick');
      await cloud.runUntilIdle({ advance: true });
    },
    images: () =>
      [...registry.repositories.values()].flatMap(({ name, manifests, attributes }) =>
        [...manifests].map(([digest, { attributes: own, createdAt }]) => ({
          ...{ repository: name, digest, tags: tagsOf({ repository: name, digest }), pushedAt: createdAt },
          isClosed: !(own.readEnabled && attributes.readEnabled),
          gate: `${name}@${digest}`,
          setting: JSON.stringify(own, undefined, 2),
        })),
      ),
    takeLog: () => cloud.logs.splice(0),
    takeMails: () =>
      cloud.mails.splice(0).map(({ subject, plainText, at }) => ({ subject, text: plainText ?? '', at })),
    takeGaps() {
      const fresh = cloud.gaps.slice(gaps);
      gaps = cloud.gaps.length;
      return fresh;
    },
    deadLetters: () => cloud.poisonQueue.messages().length,
    stop: cloud.stop,
  };
}

function cveOf({ id, severity, score, fixedVersion, exploited, link }: Found): Cve {
  return {
    id,
    severity: severity.charAt(0).toUpperCase() + severity.slice(1),
    ...(score === undefined ? {} : { score }),
    ...(fixedVersion === undefined ? { fixStatus: 'NoFix' } : { fixStatus: 'FixAvailable', fixedVersion }),
    ...(exploited === undefined ? {} : { isInExploitKit: exploited }),
    ...(link === undefined ? {} : { link }),
  };
}
