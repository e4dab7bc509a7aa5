// The parts of the bench that load a stack, one per cloud.
import { CALL_SECONDS } from './call-seconds.ts';
import { LOAD_SIZES, load, MILLION_SWEEP, sweepLoad } from './load.ts';
import { sweepTablesOf, tablesOf, type Words } from './load-tables.ts';
import type { Part } from './part.ts';
import { AWS_PRICES, AZURE_PRICES } from './prices.ts';
import type { Deploy } from './world.ts';
import { deployAws } from './world-aws.ts';
import { deployAzure } from './world-azure.ts';

/** The settings of one cloud's part. */
interface LoadPart extends Words {
  readonly title: string;
  readonly cloud: keyof typeof LOAD_SIZES;
  readonly deploy: Deploy;
}

export const LOADS = {
  aws: {
    title: 'Load on AWS',
    cloud: 'aws',
    deploy: deployAws,
    gateWrites: "writes of a repository's policy",
    writes: ['ecr:SetRepositoryPolicy'],
    prices: AWS_PRICES,
    time: { meter: 'Lambda GB-seconds', secondsEachCall: CALL_SECONDS.aws },
  },
  azure: {
    title: 'Load on Azure',
    cloud: 'azure',
    deploy: deployAzure,
    gateWrites: "writes of a manifest's attributes",
    writes: ['acr:UpdateManifest'],
    prices: AZURE_PRICES,
    time: { meter: 'function GB-seconds', secondsEachCall: CALL_SECONDS.azure },
  },
} as const satisfies Record<string, LoadPart>;

export const awsLoad = partOf(LOADS.aws);
export const azureLoad = partOf(LOADS.azure);
/** Only the sweeps, over 10,000 repositories with 1,000,000 findings. About half an hour each. */
export const awsMillion = millionOf(LOADS.aws);
export const azureMillion = millionOf(LOADS.azure);

function partOf({ title, cloud, deploy, ...words }: LoadPart): Part {
  return {
    title,
    async measure(scale) {
      return tablesOf(await load(deploy, LOAD_SIZES[cloud][scale], words.time.secondsEachCall), words);
    },
  };
}

function millionOf({ title, cloud, deploy }: LoadPart): Part {
  return {
    title,
    async measure(scale) {
      const size = LOAD_SIZES[cloud][scale];
      return sweepTablesOf(await sweepLoad(deploy, scale === 'full' ? { ...size, sweep: MILLION_SWEEP } : size));
    },
  };
}
