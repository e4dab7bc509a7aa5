// Tests the whole program: it reports every problem in the config at once, loads only the enabled clouds, and prints
// the next steps.
import { afterAll, describe, expect, it } from 'vitest';
import { type Graph, graphOf, type ProgramError, startProgram } from '../local/graph.ts';
import { answerCall, answerRegistration, placeOf } from '../local/graph-mocks.ts';

const SUBSCRIPTION = '00000000-1111-2222-3333-444444444444';
const REGISTRY = `/subscriptions/${SUBSCRIPTION}/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/contoso`;
const AZURE = { 'pullgate:clouds': ['azure'], 'pullgate:azure': { registries: [REGISTRY] } };

/** The step of a stack without a mode. */
const AUDITS =
  'This stack is in audit mode and closes nothing. When its notices are as you expect, run: pulumi config set mode enforce && pulumi up';

describe('a fresh program', () => {
  const program = startProgram();
  afterAll(() => program.stop());

  it('fails on an invalid config with one line per problem, before it loads any cloud', async () => {
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

  it('then loads only the component of the enabled cloud, and never the function code', async () => {
    const { loaded } = await program.graphOf({ 'pullgate:clouds': ['aws'] });
    expect(loaded).toContain('aws/component/pull-gate.ts');
    expect(loaded).toContain('@pulumi/aws');
    expect(loaded.filter((file) => /^azure\/|^@pulumi\/azure|\/function\//.test(file))).toEqual([]);
  });

  it('fails in another cloud than the public one with one sentence', async () => {
    await expect(program.graphOf({ ...AZURE, 'azure-native:environment': 'usgovernment' })).rejects.toThrow(
      /^The config of this stack is invalid:\nazure-native:environment is "usgovernment": expected public, in the config or else in the variable ARM_ENVIRONMENT: pullgate works only in Azure's public cloud, not in Azure Government or Azure China$/,
    );
  });

  it('fails if Azure has no registry or one in another subscription, before it creates a resource', async () => {
    const elsewhere = REGISTRY.replace(SUBSCRIPTION, '99999999-0000-0000-0000-000000000000');
    await expect(program.graphOf({ 'pullgate:clouds': ['azure'] })).rejects.toThrow(
      /^The config of this stack is invalid:\npullgate:azure\.registries is missing: expected a list with at least one of:/,
    );
    const refused = program.graphOf({ ...AZURE, 'pullgate:azure': { registries: [elsewhere] } });
    await expect(refused).rejects.toThrow(
      `${elsewhere} is in subscription 99999999-0000-0000-0000-000000000000, but this stack is in ${SUBSCRIPTION}\n`,
    );
    const made = await refused.catch((error: ProgramError) => error.made);
    expect(made).toEqual([]);
  });

  it('reports that it was stopped', async () => {
    const stopped = startProgram();
    stopped.stop();
    await expect(stopped.graphOf({})).rejects.toThrow('the program has been stopped: start another one');
  });
});

describe('a fresh program for Azure', () => {
  const program = startProgram();
  afterAll(() => program.stop());

  it('loads only the component of Azure, and then the component of AWS too', async () => {
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
  ])('has only the outputs of %s, and no warning about an undefined output', async (cloud, config) => {
    const { outputs, warnings } = await graphOf(config);
    expect(Object.keys(outputs)).toEqual(['stack', cloud, 'next']);
    expect(outputs[cloud]).toMatchObject({ pullgate: cloud });
    expect(warnings).toEqual([]);
  });
});

describe('the program on Azure', () => {
  it('exports what users and the command line tool need', async () => {
    const { outputs } = await graphOf({ ...AZURE, 'pullgate:severityThreshold': 'critical' });
    const account = /^https:\/\/pullgate[0-9a-f]{12}\./.source;
    expect(outputs).toStrictEqual({
      stack: 'dev',
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
          severityThreshold: 'critical',
          policy: {},
          rules: [],
          mode: 'audit',
          sweepHours: 6,
          maxClosesPerHour: 250,
          maxClosesPerDay: 1000,
          brakeExempt: 'never',
          registries: [REGISTRY],
          repositories: { include: ['**'], exclude: [] },
          granularity: 'image',
          registryRoles: 'rbac',
          notifyEmails: [],
        },
      },
      next: [
        'On Azure, no email address receives notices. Set pullgate:notifyEmails. Without it, alerts appear only in Azure Monitor.',
        AUDITS,
        `The plans Defender for Containers and Foundational CSPM must be on in the subscription ${SUBSCRIPTION}. Turn them on yourself, or set pullgate:azure.enableDefender.`,
        expect.stringMatching(
          /^Messages that pullgate could not process raise an alarm and stay in https:.*-poison\.$/,
        ),
        'Before pulumi destroy, run: npm run pullgate -- pause --wait. Otherwise, closed images stay closed.',
      ],
    });
  });

  it('prints the next steps for both clouds', async () => {
    const workspaceId = `/subscriptions/${SUBSCRIPTION}/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/our-logs`;
    const { outputs } = await graphOf({
      'pullgate:clouds': ['azure', 'aws'],
      'pullgate:mode': 'enforce',
      'pullgate:notifyEmails': ['a@example.com'],
      'pullgate:azure': { registries: [REGISTRY], workspaceId, enableDefender: true },
    });
    expect(outputs['next']).toEqual([
      'On AWS, each of these addresses must confirm two subscriptions by the link in an email, or it receives nothing: a@example.com.',
      expect.stringMatching(
        /^On Azure, notices to a@example\.com come from DoNotReply@[0-9a-f-]{36}\.azurecomm\.net\. Allow this sender/,
      ),
      "Amazon Inspector must scan ECR in eu-west-1 continuously. Turn this on yourself, or set pullgate:aws.enableInspector, which replaces the registry's scanning rules.",
      `The workspace ${workspaceId} must have the solution SecurityCenterFree. Without it, no findings arrive there.`,
      expect.stringMatching(/^Messages that pullgate could not process raise an alarm and stay in https:\/\/sqs/),
      expect.stringMatching(/^Messages that pullgate could not process raise an alarm and stay in https:.*-poison\.$/),
      'Before pulumi destroy, run: npm run pullgate -- pause --wait. Otherwise, closed repositories and images stay closed.',
      'The records are protected, so pulumi destroy fails. After the pause, run: pulumi config set deletionProtection false && pulumi up',
    ]);
  });

  it('creates the same graph from the same config except the package signature, and other settings for another policy', async () => {
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

  it('is deployed to the location in the config', async () => {
    const { resources } = await graphOf({ ...AZURE, 'azure-native:location': 'swedencentral' });
    const places = new Set(resources.map(({ inputs, outputs }) => inputs['location'] ?? outputs['location']));
    expect(places).toEqual(new Set([undefined, 'swedencentral']));
  });
});

describe('the program', () => {
  const lambdaOf = (graph: Graph) => graph.resources.find(({ type }) => type === 'aws:lambda/function:Function');

  it('exports what users and the command line tool need', async () => {
    const { outputs } = await graphOf({ 'pullgate:severityThreshold': 'critical' });
    expect(outputs).toStrictEqual({
      stack: 'dev',
      aws: {
        pullgate: 'aws',
        region: 'eu-west-1',
        accountId: '123456789012',
        partition: 'aws',
        statementId: 'Pullgate1a2aab71012e',
        functionName: expect.stringMatching(/^pullgate-function-/),
        logGroup: expect.stringMatching(/^pullgate-log-/),
        tableName: expect.stringMatching(/^pullgate-records-/),
        queueUrl: expect.stringMatching(/^https:\/\/sqs\.eu-west-1\.amazonaws\.com\/123456789012\/pullgate-queue-/),
        deadLetterQueueUrl: expect.stringMatching(/\/pullgate-dead-letters-/),
        changesTopicArn: expect.stringMatching(/^arn:aws:sns:eu-west-1:123456789012:pullgate-changes-/),
        alarmsTopicArn: expect.stringMatching(/^arn:aws:sns:eu-west-1:123456789012:pullgate-alarms-/),
        roleArn: expect.stringMatching(/^arn:aws:iam::123456789012:role\/pullgate-role-/),
        dashboardUrl:
          'https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/Pullgate1a2aab71012e',
        settings: {
          severityThreshold: 'critical',
          policy: {},
          rules: [],
          mode: 'audit',
          sweepHours: 6,
          maxClosesPerHour: 25,
          maxClosesPerDay: 100,
          brakeExempt: 'never',
          repositories: { include: ['**'], exclude: [] },
          exemptPrincipals: [],
          closeLambdaRepositories: false,
          unscannedHours: 24,
        },
      },
      next: [
        expect.stringMatching(
          /^On AWS, no email address receives notices\. Set pullgate:notifyEmails, or subscribe to arn:aws:sns:/,
        ),
        AUDITS,
        "Amazon Inspector must scan ECR in eu-west-1 continuously. Turn this on yourself, or set pullgate:aws.enableInspector, which replaces the registry's scanning rules.",
        expect.stringMatching(/^Messages that pullgate could not process raise an alarm and stay in https:/),
        'Before pulumi destroy, run: npm run pullgate -- pause --wait. Otherwise, closed repositories stay closed.',
      ],
    });
  });

  it('prints the next steps for a stack with email addresses and Inspector turned on', async () => {
    const config = {
      'pullgate:notifyEmails': ['a@example.com'],
      'pullgate:aws': { enableInspector: true },
    };
    const { outputs } = await graphOf(config);
    expect(outputs['next']).toEqual([
      'On AWS, each of these addresses must confirm two subscriptions by the link in an email, or it receives nothing: a@example.com.',
      AUDITS,
      expect.stringMatching(/^Messages that pullgate could not process/),
      expect.stringMatching(/^Before pulumi destroy/),
    ]);
  });

  it.each([
    ['one rule', [['shop/**']], 'Only rules[0] (shop/**) enforces;'],
    ['several rules', [['shop/**'], ['team/**']], 'Only rules[0] (shop/**) and rules[1] (team/**) enforce;'],
  ])('says what %s of a stack in audit mode enforces, and not how to enforce everything', async (_what, of, only) => {
    const enforcing = of.map((repositories) => ({ repositories, mode: 'enforce' }));
    const watching = { repositories: ['lab/**'], policy: { severityThreshold: 'critical' } };
    const { outputs } = await graphOf({ 'pullgate:rules': [...enforcing, watching] });
    const next = outputs['next'] as readonly string[];
    expect(next).toContain(`${only} everything else is in audit mode. To enforce more, see docs/rollout.md, step 5.`);
    expect(next.join()).not.toContain('mode enforce');
  });

  it('warns about an expired exception, and does not fail', async () => {
    const exceptions = [
      { id: 'CVE-2024-6119', expires: '2025-01-31', reason: 'not reachable' },
      { id: 'CVE-2024-0001', expires: '2999-01-31', reason: 'still good' },
    ];
    const { warnings } = await graphOf({ 'pullgate:policy': { exceptions } });
    expect(warnings).toEqual([
      'The exception for CVE-2024-6119 (not reachable) expired at 2025-02-01 00:00 UTC and exempts nothing: renew it or remove it from the config.',
    ]);
  });

  it('creates the same graph from the same config, and other settings for another policy', async () => {
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

  it('gives each stack its own statement and resources in its own region', async () => {
    const dev = await graphOf({}, { stack: 'dev' });
    const prod = await graphOf({ 'aws:region': 'us-east-1' }, { stack: 'prod' });
    expect(prod.outputs['aws']).toMatchObject({ region: 'us-east-1' });
    const ids = [dev, prod].map(({ outputs }) => (outputs['aws'] as { statementId: string }).statementId);
    expect(new Set(ids).size).toBe(2);
    expect(lambdaOf(prod)?.outputs['arn']).toMatch(
      /^arn:aws:lambda:us-east-1:123456789012:function:pullgate-function-/,
    );
    expect(lambdaOf(prod)?.id).not.toBe(lambdaOf(dev)?.id);
  });

  it('creates every resource as a descendant of the component', async () => {
    const { resources } = await graphOf({});
    const [component, ...others] = resources.filter(({ parent }) => parent === undefined);
    expect(component?.type).toBe('pullgate:index:EcrPullGate');
    expect(others).toEqual([]);
    expect(new Set(resources.map(({ parent }) => parent))).toEqual(new Set([undefined, component?.urn]));
  });
});

describe('a stack that is renamed, or moved to another project and organization', () => {
  const BOTH = {
    ...AZURE,
    'pullgate:clouds': ['aws', 'azure'],
    'pullgate:notifyEmails': ['a@example.com'],
    'pullgate:aws': { enableInspector: true },
  };
  /** The graph without the stack's name, its project and the package's signature, which differs at every run. */
  const withoutNames = ({ resources, archives, outputs: { stack: _stack, ...outputs } }: Graph) =>
    JSON.parse(
      JSON.stringify({ resources, archives, outputs })
        .replaceAll(/urn:pulumi:[^:]+::[^:]+::/g, 'urn:')
        .replaceAll(/sv=2015-04-05[^"]*/g, 'SIGNATURE'),
    ) as unknown;

  it('has the same graph, because every name and id comes from the state', async () => {
    const before = await graphOf(BOTH);
    const after = await graphOf(BOTH, { stack: 'eu-prod', project: 'registry', organization: 'acme', state: 'dev' });
    expect(after.outputs['stack']).toBe('eu-prod');
    expect(after.resources[0]?.urn).toMatch(/^urn:pulumi:eu-prod::registry::/);
    expect(withoutNames(after)).toEqual(withoutNames(before));
    expect(JSON.stringify(withoutNames(after))).not.toMatch(/eu-prod|acme/);
  });

  it('has other ids with another state', async () => {
    const [one, other] = [await graphOf(BOTH), await graphOf(BOTH, { state: 'another' })];
    const idsIn = ({ outputs }: Graph) => {
      const { aws, azure } = outputs as { aws: { statementId: string }; azure: { tableUrl: string } };
      return [aws.statementId, azure.tableUrl];
    };
    for (const id of idsIn(one)) expect(idsIn(other)).not.toContain(id);
  });
});

describe('the mocks', () => {
  it('throw on an unknown resource and an unknown call', () => {
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
