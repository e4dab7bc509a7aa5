// Proves what the whole program does: it refuses a wrong config in one go, loads only what is enabled, and says what a
// person needs next.
import { afterAll, describe, expect, it } from 'vitest';
import { type Graph, graphOf, type ProgramError, startProgram } from '../local/graph.ts';
import { answerCall, answerRegistration, placeOf } from '../local/graph-mocks.ts';

const SUBSCRIPTION = '00000000-1111-2222-3333-444444444444';
const REGISTRY = `/subscriptions/${SUBSCRIPTION}/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/contoso`;
const AZURE = { 'pullgate:clouds': ['azure'], 'pullgate:azure': { registries: [REGISTRY] } };

describe('a fresh program', () => {
  const program = startProgram();
  afterAll(() => program.stop());

  it('fails on a wrong config with every problem, one a line, before it loads any cloud', async () => {
    const config = {
      'pullgate:mode': 'off',
      'pullgate:sweepHours': 0,
      'pullgate:policy': { images: 'some' },
      'pullgate:typo': 1,
    };
    const error = await program.graphOf(config).then(
      () => undefined,
      (reason: ProgramError) => reason,
    );
    expect(error?.message.split('\n')).toEqual([
      'The config of this stack is invalid:',
      'pullgate:mode is "off": expected one of enforce, audit',
      'pullgate:sweepHours is 0: expected a whole number of hours, 1 to 24',
      'pullgate:typo: unknown key',
      'pullgate:policy.images is "some": expected one of tagged, all',
    ]);
    expect(error?.loaded).toContain('index.ts');
    expect(error?.loaded.filter((file) => /^(aws|azure)\/|^@pulumi\/(aws|azure)/.test(file))).toEqual([]);
  });

  it('then loads the gate of the enabled cloud only, and never what runs in the cloud', async () => {
    const { loaded } = await program.graphOf({ 'pullgate:clouds': ['aws'] });
    expect(loaded).toContain('aws/component/pull-gate.ts');
    expect(loaded).toContain('@pulumi/aws');
    expect(loaded.filter((file) => /^azure\/|^@pulumi\/azure|\/function\//.test(file))).toEqual([]);
  });

  it('fails where Azure has no registry, or one in another subscription, before it makes anything', async () => {
    const elsewhere = REGISTRY.replace(SUBSCRIPTION, '99999999-0000-0000-0000-000000000000');
    await expect(program.graphOf({ 'pullgate:clouds': ['azure'] })).rejects.toThrow(
      /^The config of this stack is invalid:\npullgate:azure\.registries is missing: expected a list with at least one of:/,
    );
    const refused = program.graphOf({ ...AZURE, 'pullgate:azure': { registries: [elsewhere] } });
    await expect(refused).rejects.toThrow(
      `${elsewhere} is in the subscription 99999999-0000-0000-0000-000000000000, and this stack in ${SUBSCRIPTION}\nEvents come`,
    );
    const made = await refused.catch((error: ProgramError) => error.made);
    expect(made).toEqual([]);
  });

  it('says so when it has been stopped', async () => {
    const stopped = startProgram();
    stopped.stop();
    await expect(stopped.graphOf({})).rejects.toThrow('the program has been stopped: start another one');
  });
});

describe('a fresh program for Azure', () => {
  const program = startProgram();
  afterAll(() => program.stop());

  it('loads the gate of Azure only, and then that of AWS beside it', async () => {
    const clouds = (loaded: readonly string[]) =>
      new Set(loaded.flatMap((file) => /^(?:aws|azure)(?=\/)|^@pulumi\/(?:aws|azure-native)$/.exec(file) ?? []));
    const { loaded } = await program.graphOf(AZURE);
    expect(clouds(loaded)).toEqual(new Set(['azure', '@pulumi/azure-native']));
    expect(loaded.filter((file) => /\/function\//.test(file))).toEqual([]);
    const both = await program.graphOf({ ...AZURE, 'pullgate:clouds': ['aws', 'azure'] });
    expect(clouds(both.loaded)).toEqual(new Set(['azure', '@pulumi/azure-native', 'aws', '@pulumi/aws']));
    expect(both.resources.filter(({ parent }) => parent === undefined).map(({ type }) => type)).toEqual([
      'pullgate:index:AcrPullGate',
      'pullgate:index:EcrPullGate',
    ]);
  });
});

describe('the program of one cloud', () => {
  it.each([
    ['aws', { 'pullgate:clouds': ['aws'] }],
    ['azure', AZURE],
  ])('has outputs of %s only, and no warning of an undefined one', async (cloud, config) => {
    const { outputs, warnings } = await graphOf(config);
    expect(Object.keys(outputs)).toEqual([cloud, 'next']);
    expect(outputs[cloud]).toMatchObject({ pullgate: cloud });
    expect(warnings).toEqual([]);
  });
});

describe('the program on Azure', () => {
  it('exports what a person and the command line tool need', async () => {
    const { outputs } = await graphOf({ ...AZURE, 'pullgate:severityThreshold': 'critical' });
    const account = /^https:\/\/pullgate[0-9a-f]{12}\./.source;
    expect(outputs).toStrictEqual({
      azure: {
        pullgate: 'azure',
        subscriptionId: SUBSCRIPTION,
        resourceGroup: expect.stringMatching(/^pullgate-group/),
        functionAppName: expect.stringMatching(/^pullgate-function/),
        logicAppName: expect.stringMatching(/^pullgate-events/),
        queueUrl: expect.stringMatching(`${account}queue\\.core\\.windows\\.net/pullgate$`),
        poisonQueueUrl: expect.stringMatching(`${account}queue\\.core\\.windows\\.net/pullgate-poison$`),
        tableUrl: expect.stringMatching(`${account}table\\.core\\.windows\\.net$`),
        tableName: 'records',
        workspaceId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        clientId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        workbookUrl: expect.stringMatching(
          /^https:\/\/portal\.azure\.com\/#resource\/subscriptions\/.*\/workbooks\/[0-9a-f-]{36}$/,
        ),
        registries: [REGISTRY],
        settings: {
          stack: 'dev',
          severityThreshold: 'critical',
          policy: {},
          mode: 'enforce',
          sweepHours: 6,
          maxClosesPerHour: 25,
          registries: [REGISTRY],
          granularity: 'image',
          registryRoles: 'rbac',
          notifyEmails: [],
        },
      },
      next: [
        'No one is notified by mail of changes on Azure: set pullgate:notifyEmails. Its alerts are in Azure Monitor.',
        `Defender for Containers has to be on in the subscription ${SUBSCRIPTION}: see to it, or set pullgate:azure.enableDefender.`,
        expect.stringMatching(/^Messages that could not be handled raise an alarm and wait in https:.*-poison\.$/),
        'Before pulumi destroy: npm run pullgate -- pause --wait, or closed images stay closed.',
      ],
    });
  });

  it('says what else is next, on both clouds', async () => {
    const workspaceId = `/subscriptions/${SUBSCRIPTION}/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/our-logs`;
    const { outputs } = await graphOf({
      'pullgate:clouds': ['azure', 'aws'],
      'pullgate:notifyEmails': ['a@example.com'],
      'pullgate:azure': { registries: [REGISTRY], workspaceId, enableDefender: true },
    });
    expect(outputs['next']).toEqual([
      'Each of a@example.com now has two mails from AWS: open both links, or nothing arrives.',
      expect.stringMatching(
        /^Azure's mails to a@example\.com come from DoNotReply@[0-9a-f-]{36}\.azurecomm\.net: let them through/,
      ),
      'Inspector has to scan ECR in eu-west-1 continuously: see to it, or set pullgate:aws.enableInspector, which replaces the registry’s own scanning rules.',
      `The workspace ${workspaceId} needs the solution SecurityCenterFree: without it no findings arrive there.`,
      expect.stringMatching(/^Messages that could not be handled raise an alarm and wait in https:\/\/sqs/),
      expect.stringMatching(/^Messages that could not be handled raise an alarm and wait in https:.*-poison\.$/),
      'Before pulumi destroy: npm run pullgate -- pause --wait, or closed repositories and images stay closed.',
    ]);
  });

  it('makes the same graph of the same config but for the signature of the package, and other code for another policy', async () => {
    const policy = { 'pullgate:policy': { images: 'all' } };
    const [one, same, other] = [await graphOf(AZURE), await graphOf(AZURE), await graphOf({ ...AZURE, ...policy })];
    const unsigned = ({ resources }: Graph) =>
      JSON.parse(JSON.stringify(resources).replaceAll(/sv=2015-04-05[^"]*/g, 'SIGNATURE')) as unknown;
    expect(unsigned(same)).toEqual(unsigned(one));
    expect(same.archives).toEqual(one.archives);
    const [archive, changed] = [one, other].map(({ archives }) => Object.entries(archives));
    expect([archive?.length, changed?.length]).toEqual([1, 1]);
    expect(changed?.[0]?.[0]).not.toBe(archive?.[0]?.[0]);
    expect(changed?.[0]?.[1]['index.mjs'] === archive?.[0]?.[1]['index.mjs']).toBe(true);
    expect(JSON.parse(changed?.[0]?.[1]['settings.json'] ?? '')).toMatchObject({ policy: { images: 'all' } });
  });

  it('stands where the config says', async () => {
    const { resources } = await graphOf({ ...AZURE, 'azure-native:location': 'swedencentral' });
    const places = new Set(resources.map(({ inputs, outputs }) => inputs['location'] ?? outputs['location']));
    expect(places).toEqual(new Set([undefined, 'swedencentral']));
  });
});

describe('the program', () => {
  const lambdaOf = (graph: Graph) => graph.resources.find(({ type }) => type === 'aws:lambda/function:Function');

  it('exports what a person and the command line tool need', async () => {
    const { outputs } = await graphOf({ 'pullgate:severityThreshold': 'critical' });
    expect(outputs).toStrictEqual({
      aws: {
        pullgate: 'aws',
        region: 'eu-west-1',
        accountId: '123456789012',
        partition: 'aws',
        statementId: 'Pullgatedevc31a2b9d',
        functionName: expect.stringMatching(/^pullgate-function-/),
        logGroup: expect.stringMatching(/^pullgate-log-/),
        tableName: expect.stringMatching(/^pullgate-records-/),
        queueUrl: expect.stringMatching(/^https:\/\/sqs\.eu-west-1\.amazonaws\.com\/123456789012\/pullgate-queue-/),
        deadLetterQueueUrl: expect.stringMatching(/\/pullgate-dead-letters-/),
        changesTopicArn: expect.stringMatching(/^arn:aws:sns:eu-west-1:123456789012:pullgate-changes-/),
        alarmsTopicArn: expect.stringMatching(/^arn:aws:sns:eu-west-1:123456789012:pullgate-alarms-/),
        roleArn: expect.stringMatching(/^arn:aws:iam::123456789012:role\/pullgate-role-/),
        dashboardUrl:
          'https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/Pullgatedevc31a2b9d',
        settings: {
          stack: 'dev',
          severityThreshold: 'critical',
          policy: {},
          mode: 'enforce',
          sweepHours: 6,
          maxClosesPerHour: 25,
          repositories: { include: ['**'], exclude: [] },
          exemptPrincipals: [],
          closeLambdaRepositories: false,
        },
      },
      next: [
        expect.stringMatching(/^No one is notified by mail: set pullgate:notifyEmails, or subscribe to arn:aws:sns:/),
        'Inspector has to scan ECR in eu-west-1 continuously: see to it, or set pullgate:aws.enableInspector, which replaces the registry’s own scanning rules.',
        expect.stringMatching(/^Messages that could not be handled raise an alarm and wait in https:/),
        'Before pulumi destroy: npm run pullgate -- pause --wait, or closed repositories stay closed.',
      ],
    });
  });

  it('says what else is next, where mails are sent, nothing is closed, and Inspector is seen to', async () => {
    const config = {
      'pullgate:mode': 'audit',
      'pullgate:notifyEmails': ['a@example.com'],
      'pullgate:aws': { enableInspector: true },
    };
    const { outputs } = await graphOf(config);
    expect(outputs['next']).toEqual([
      'Each of a@example.com now has two mails from AWS: open both links, or nothing arrives.',
      'This stack only watches. Once its notices are what you expect: pulumi config set mode enforce, and pulumi up.',
      expect.stringMatching(/^Messages that could not be handled/),
      expect.stringMatching(/^Before pulumi destroy/),
    ]);
  });

  it('warns of an exception that has ended, and does not fail', async () => {
    const exceptions = [
      { id: 'CVE-2024-6119', expires: '2025-01-31', reason: 'not reachable' },
      { id: 'CVE-2024-0001', expires: '2999-01-31', reason: 'still good' },
    ];
    const { warnings } = await graphOf({ 'pullgate:policy': { exceptions } });
    expect(warnings).toEqual([
      'The exception for CVE-2024-6119 (not reachable) ended at 2025-02-01T00:00:00.000Z and does not count any more: renew it, or take it out of pullgate:policy.',
    ]);
  });

  it('makes the same graph of the same config, and new settings for another policy', async () => {
    const [one, same, other] = [
      await graphOf({}),
      await graphOf({}),
      await graphOf({ 'pullgate:policy': { images: 'all' } }),
    ];
    expect(same.resources).toEqual(one.resources);
    expect(same.archives).toEqual(one.archives);
    const filesOf = (graph: Graph) => graph.archives[lambdaOf(graph)?.urn ?? ''] ?? {};
    expect(filesOf(other)['index.mjs'] === filesOf(one)['index.mjs']).toBe(true);
    expect(JSON.parse(filesOf(other)['settings.json'] ?? '')).toMatchObject({ policy: { images: 'all' } });
  });

  it('gives each stack its own statement and its own resources, in its own region', async () => {
    const dev = await graphOf({}, { stack: 'dev' });
    const prod = await graphOf({ 'aws:region': 'us-east-1' }, { stack: 'prod' });
    expect(prod.outputs['aws']).toMatchObject({ region: 'us-east-1', settings: { stack: 'prod' } });
    const marks = [dev, prod].map(({ outputs }) => (outputs['aws'] as { statementId: string }).statementId);
    expect(new Set(marks).size).toBe(2);
    expect(lambdaOf(prod)?.outputs['arn']).toMatch(
      /^arn:aws:lambda:us-east-1:123456789012:function:pullgate-function-/,
    );
    expect(lambdaOf(prod)?.id).not.toBe(lambdaOf(dev)?.id);
  });

  it('puts everything below the component', async () => {
    const { resources } = await graphOf({});
    const [component, ...others] = resources.filter(({ parent }) => parent === undefined);
    expect(component?.type).toBe('pullgate:index:EcrPullGate');
    expect(others).toEqual([]);
    expect(new Set(resources.map(({ parent }) => parent))).toEqual(new Set([undefined, component?.urn]));
  });
});

describe('the mocks', () => {
  it('throw on a resource and on a question that they do not know', () => {
    const wanted = { type: 'aws:ec2/instance:Instance', name: 'pullgate-surprise', inputs: {} };
    expect(() => answerRegistration(placeOf({}), 'dev', wanted)).toThrow(
      'does not know aws:ec2/instance:Instance (pullgate-surprise)',
    );
    expect(() => answerCall(placeOf({}), 'aws:ec2/getAmi:getAmi')).toThrow(
      'does not know the call aws:ec2/getAmi:getAmi',
    );
    const machine = { type: 'azure-native:compute:VirtualMachine', name: 'pullgate-surprise', inputs: {} };
    expect(() => answerRegistration(placeOf({}), 'dev', machine)).toThrow(
      'does not know azure-native:compute:VirtualMachine (pullgate-surprise)',
    );
    expect(() => answerCall(placeOf({}), 'azure-native:storage:listStorageAccountKeys')).toThrow(
      'does not know the call azure-native:storage:listStorageAccountKeys',
    );
  });
});
