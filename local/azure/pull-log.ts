// The diagnostic settings of registries: each pull becomes a row of the workspace that a setting names.
import type { Graph } from '../graph.ts';
import { all, type Fields, list, text } from './resources-fields.ts';
import type { Row } from './tables.ts';

const TYPE = 'azure-native:monitor:DiagnosticSetting';
const CATEGORY = 'ContainerRegistryRepositoryEvents';
/** Source: https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings */
const MAX_SETTINGS = 5;

/** A setting that sends the repository events of a registry to a workspace. */
export interface DiagnosticSetting {
  /** The ARM id of the registry, in lower case, as is the workspace's. */
  readonly registry: string;
  readonly workspaceId: string;
}

/** @throws Error for what Azure Monitor refuses, and for what the local cloud does not support */
export function diagnosticSettingsOf(graph: Graph): readonly DiagnosticSetting[] {
  return all(graph, TYPE).map((setting) => {
    const registry = text(setting, 'resourceUri').toLowerCase();
    if (!/\/providers\/microsoft[.]containerregistry\/registries\/[^/]+$/.test(registry))
      throw new Error(`the local cloud has diagnostic settings of registries only; got one of ${registry}`);
    checkLogs(setting);
    return { registry, workspaceId: text(setting, 'workspaceId').toLowerCase() };
  });
}

function checkLogs(setting: Fields): void {
  const logs = list(setting['logs']);
  const isOurs = logs.length === 1 && logs.every(({ category, enabled }) => category === CATEGORY && enabled === true);
  if (!isOurs || setting['metrics'] !== undefined || setting['logAnalyticsDestinationType'] !== undefined)
    throw new Error(`the local cloud supports only the log category ${CATEGORY}; got ${JSON.stringify(setting)}`);
}

/** A pull of a manifest that the registry allowed. */
export interface Pull {
  /** The ARM id of the registry. */
  readonly registry: string;
  readonly loginServer: string;
  readonly repository: string;
  /** The tag, if the pull named one. */
  readonly tag: string;
  readonly digest: string;
  readonly mediaType: string;
}

export interface PullLog {
  /**
   * Replaces the settings of a stack.
   *
   * @throws Error if a registry has too many settings, or two that send the same category to the same workspace
   */
  deploy(stack: string, settings: readonly DiagnosticSetting[]): void;
  /** Writes the pull to each workspace. Nothing documents whether a refused pull has a row, so it has none here. */
  record(pull: Pull): void;
}

/** @param ingest adds a row to the workspace with this id, in lower case */
export function createPullLog(now: () => Date, ingest: (workspaceId: string, row: Row) => void): PullLog {
  const byStack = new Map<string, readonly DiagnosticSetting[]>();
  return {
    deploy(stack, settings) {
      byStack.set(stack, settings);
      for (const ofRegistry of Map.groupBy([...byStack.values()].flat(), ({ registry }) => registry).values()) {
        if (ofRegistry.length > MAX_SETTINGS)
          throw new Error(
            `a resource has at most ${MAX_SETTINGS} diagnostic settings; ${ofRegistry[0]?.registry} has more`,
          );
        const sinks = ofRegistry.map(({ workspaceId }) => workspaceId);
        const twice = sinks.find((sink, index) => sinks.indexOf(sink) !== index);
        if (twice !== undefined)
          throw new Error(
            `Conflict: Data sink '${twice}' is already used in another diagnostic setting for category '${CATEGORY}'. Data sinks can't be reused in different settings on the same category for the same resource.`,
          );
      }
    },
    record({ registry, loginServer, repository, tag, digest, mediaType }) {
      const id = registry.toLowerCase();
      for (const setting of [...byStack.values()].flat()) {
        if (setting.registry !== id) continue;
        ingest(setting.workspaceId, {
          ...{ TimeGenerated: now().getTime(), Category: CATEGORY, OperationName: 'Pull', _ResourceId: id },
          ...{ LoginServer: loginServer, Repository: repository, Tag: tag, Digest: digest, MediaType: mediaType },
        });
      }
    },
  };
}
