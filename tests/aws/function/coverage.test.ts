// The images that Inspector does not scan, with a real client on the local cloud.
import { Inspector2Client } from '@aws-sdk/client-inspector2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unscannedImages } from '../../../aws/function/coverage.ts';
import { digestOf } from '../../../local/manifest.ts';
import { type Stage, startStage } from '../../local/aws/stage.ts';
import { ACCOUNT_ID } from './samples.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.cloud.stop());

describe('the images that no scan judges', () => {
  it('are those that Inspector does not cover, unless the reason passes or the image cannot be pulled', async () => {
    const reasons = [
      ['team/old', 'UNSUPPORTED_OS'],
      ['team/old', 'SCAN_ELIGIBILITY_EXPIRED'],
      ['team/push', 'SCAN_FREQUENCY_SCAN_ON_PUSH'],
      ['team/new', 'PENDING_INITIAL_SCAN'],
      ['team/cold', 'IMAGE_ARCHIVED'],
      ['team/gone', 'RESOURCE_TERMINATED'],
    ] as const;
    for (const [repository, reason] of reasons)
      stage.cloud.inspector.cover({ repository, digest: digestOf(reason), statusCode: 'INACTIVE', reason });
    stage.cloud.inspector.scanned('team/good', digestOf('good'));
    const foreign = { repository: 'team/member', digest: digestOf('member'), account: '210987654321' };
    stage.cloud.inspector.cover({ ...foreign, statusCode: 'INACTIVE', reason: 'UNSUPPORTED_OS' });
    const client = new Inspector2Client(stage.config());
    expect(await unscannedImages({ client, accountId: ACCOUNT_ID })).toEqual(
      reasons.slice(0, 3).map(([repository, reason]) => ({ repository, digest: digestOf(reason), reason })),
    );
  });
});
