// The scratch repository in Azure Container Registry. A registry makes a repository with its first image.
import { type ContainerRegistryClient, ContainerRegistryContentClient } from '@azure/container-registry';
import { isRestError, type PipelineOptions } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import type { Clients } from '../../azure/function/clients.ts';
import { unlessAbsent } from '../../azure/function/images.ts';
import { createRunQuery, rowsOrNone } from '../../azure/function/log-analytics.ts';
import { decoded } from '../../azure/function/loose-json.ts';
import type { ResolvedRegistry } from '../../azure/function/registries.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Client } from '../stack/client.ts';
import type { AzureStack } from '../stack/stack.ts';
import { type BuiltImage, buildImage, MANIFEST } from './image.ts';
import {
  answerOf,
  eventUnknown,
  fieldsOf,
  fieldsUnknown,
  type Measures,
  notMeasured,
  type Pull,
  refusalUnknown,
  type Scratch,
  type Unknown,
} from './scratch.ts';

export interface AzureAccess {
  readonly registry: Pick<ResolvedRegistry, 'id' | 'name' | 'loginServer'>;
  readonly sdk: Pick<Clients, 'registry' | 'logs'>;
  readonly credential: TokenCredential;
  /** How to reach Azure. Default: the SDK's way. */
  readonly options?: PipelineOptions;
}

export function createAzureScratch(
  stack: AzureStack,
  client: Client,
  name: { readonly repository: string; readonly nonce: string },
  { registry, sdk, credential, options = {} }: AzureAccess,
): Scratch {
  const { repository } = name;
  const host = registry.loginServer;
  const metadata = sdk.registry(host);
  const content = new ContainerRegistryContentClient(`https://${host}`, repository, credential, options);
  const locksImages = stack.granularity === 'image';
  const gate = (digest: string): Gate => ({ registry: registry.id, repository, ...(locksImages ? { digest } : {}) });
  const push = async (image: BuiltImage, tag: string): Promise<void> => {
    for (const blob of [image.layer, image.config]) await content.uploadBlob(blob.content);
    await content.setManifest(Buffer.from(image.manifest), { tag, mediaType: MANIFEST });
  };
  const pull = (tag: string) => pullWith(content, tag);
  const unlock = async (digest: string): Promise<void> => {
    if (locksImages) await metadata.getArtifact(repository, digest).updateManifestProperties({ canRead: true });
    else await metadata.getRepository(repository).updateProperties({ canRead: true });
  };
  const vulnerable = buildImage('vulnerable', name.nonce).digest;
  const remove = async () => void (await unlessAbsent(metadata.deleteRepository(repository)));
  const locked = locksImages ? `--image ${repository}@${vulnerable}` : `--repository ${repository}`;
  return {
    client,
    repository,
    host,
    gate,
    locksImages,
    tellsScans: false,
    // Source: https://learn.microsoft.com/cli/azure/acr/repository#az-acr-repository-update
    removal: `az acr repository update --name ${registry.name} ${locked} --read-enabled true; az acr repository delete --yes --name ${registry.name} --repository ${repository}`,
    exists: async () => (await unlessAbsent(metadata.getRepository(repository).getProperties())) !== undefined,
    create: async () => {},
    async remove() {
      try {
        await remove();
      } catch (error) {
        if (!isRestError(error) || !isRefusal(error.statusCode ?? 0)) throw error;
        // The lock may be the reason. If it is not, the second answer says so.
        await unlock(vulnerable).catch(() => {});
        await remove();
      }
    },
    push,
    pull,
    isRefusal,
    deleteImage: (digest) => content.deleteManifest(digest),
    foreign: foreignImage(
      metadata,
      { repository, locksImages, push, pull },
      buildImage('fixed', `${name.nonce}-other`),
    ),
    unlock,
    reportFields: (digest) => rowFields(sdk, stack.workspaceId, digest),
    // A registry keeps no time of the last pull.
    lastPulledAt: async () => undefined,
    unknowns: (measures) => unknownsOf(measures, `${host}/${repository}`),
  };
}

/** The documentation names no status: none of these is about a lock. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 404, 408, 429].includes(status);
}

const OTHER_TAG = 'other';

/** Another image of the repository, with its attributes. A lock of one image must not change it. */
function foreignImage(
  metadata: ContainerRegistryClient,
  { repository, locksImages, push, pull }: Pick<Scratch, 'repository' | 'locksImages' | 'push' | 'pull'>,
  image: BuiltImage,
): Scratch['foreign'] {
  const read = async () => {
    const { canDelete, canList, canRead, canWrite, tags } = await metadata
      .getArtifact(repository, image.digest)
      .getManifestProperties();
    return JSON.stringify({ digest: image.digest, canDelete, canList, canRead, canWrite, tags });
  };
  let kept: string | undefined;
  return {
    what: locksImages ? 'another image: its attributes, and that it can be pulled' : 'the attributes of another image',
    async place() {
      await push(image, OTHER_TAG);
      kept = await read();
    },
    async difference() {
      const now = await read();
      if (now !== kept) return `${kept} became ${now}`;
      // The lock of a whole repository refuses its pull, too.
      if (!locksImages) return undefined;
      const answer = await pull(OTHER_TAG);
      return answer.status === 200 ? undefined : `its pull is answered with ${answerOf(answer)}`;
    },
  };
}

async function pullWith(content: ContainerRegistryContentClient, tag: string): Promise<Pull> {
  try {
    const { manifest } = await content.getManifest(tag);
    const { config, layers } = manifest as { config: { digest: string }; layers: readonly { digest: string }[] };
    for (const { digest } of [config, ...layers]) {
      const blob = await content.downloadBlob(digest);
      // It is complete, and has the right digest, when the stream has ended.
      for await (const _ of blob.content);
    }
    return { status: 200, body: '' };
  } catch (error) {
    if (!isRestError(error) || error.statusCode === undefined) throw error;
    return { status: error.statusCode, body: error.response?.bodyAsText ?? error.message };
  }
}

/** The fields of the row about an image, in the table of either model. The digest is ours, so it is safe in a query. */
async function rowFields(
  { logs }: AzureAccess['sdk'],
  workspaceId: string,
  digest: string,
): Promise<readonly string[]> {
  const run = createRunQuery(logs, workspaceId);
  const models = [
    ['SecurityRecommendation', 'Properties', 'RecommendationAdditionalData'],
    ['SecurityNestedRecommendation', 'ResourceDetails', 'AdditionalData'],
  ] as const;
  for (const [table, resource, details] of models) {
    const text = `strcat(AssessedResourceId, " ", tostring(${resource}), " ", tostring(${details}))`;
    const query = `${table} | where TimeGenerated > ago(1d) | extend Text = ${text} | where Text contains "${digest}"`;
    const [row] = await rowsOrNone(run(query));
    if (row === undefined) continue;
    const { Text: _text, ...columns } = row;
    const decodedRow = Object.entries(columns).map(([name, value]) => [name, decoded(value)]);
    return [`table: ${table}`, ...fieldsOf(Object.fromEntries(decodedRow))];
  }
  return [];
}

function unknownsOf(measures: Measures, image: string): readonly Unknown[] {
  const since = measures.refusedAt ?? 'START';
  return [
    eventUnknown(measures),
    refusalUnknown(measures),
    // The closed gate was read before the pull was tried.
    shownUnknown('Can the attributes be read while pulls are refused?', measures.refusal !== undefined),
    shownUnknown('Can an image be deleted while its pulls are refused?', measures.isDeleted === true),
    fieldsUnknown("Defender's row in Log Analytics", measures),
    {
      question: 'Does Defender scan an image again while its pulls are refused?',
      settled: false,
      answer:
        'an image without findings leaves no row. To see it, close an image with `pullgate override close`, and look for newer rows about it after a week',
    },
    {
      question: "Is a refused pull in the registry's log?",
      settled: false,
      answer: `\`prove\` does not read it. With \`azure.pullLogs\`, or a setting of your own, run in the workspace: ContainerRegistryRepositoryEvents | where TimeGenerated > datetime(${since}) and Repository == "${image.slice(image.indexOf('/') + 1)}" and OperationName == "Pull"`,
    },
  ];
}

/** A question that a step answers with yes. If the answer is no, that step fails and says so. */
function shownUnknown(question: string, isShown: boolean): Unknown {
  return isShown ? { question, settled: true, answer: 'yes' } : notMeasured(question);
}
