// Proves that Pulumi's analyzer, which reads a component for its users in other languages, accepts both components, and
// what it makes of them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Analyzer } from '@pulumi/pulumi/provider/experimental/analyzer.js';
import { generateSchema } from '@pulumi/pulumi/provider/experimental/schema.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const project = join(import.meta.dirname, '..', '..');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pullgate-schema-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Schema = ReturnType<typeof generateSchema>;
/** The analyzer's definitions are the schema's properties, and say this besides. */
interface Input {
  readonly description?: string;
  readonly optional?: boolean;
}

/**
 * What the analyzer makes of these components of a package with this entry. It reads the entry, its tsconfig.json and
 * what it imports.
 */
function analyze(entry: string, components: readonly string[]): Schema {
  const compilerOptions = { typeRoots: [join(project, 'node_modules', '@types')] };
  const config = { extends: join(project, 'tsconfig.json'), compilerOptions, include: [], files: ['index.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'index.ts'), entry);
  const analyzer = new Analyzer(folder, 'pullgate', { main: 'index.ts' }, new Set(components));
  const { components: found, typeDefinitions, dependencies } = analyzer.analyze();
  return generateSchema('pullgate', '0.0.0', '', found, typeDefinitions, dependencies);
}

const SHARED_INPUTS = [
  'severityThreshold',
  'policy',
  'rules',
  'mode',
  'sweepHours',
  'maxClosesPerHour',
  'maxClosesPerDay',
  'brakeExempt',
  'notifyEmails',
  'deletionProtection',
] as const;

describe('the schema of both components', () => {
  let schema: Schema;
  beforeAll(() => {
    const file = (path: string) => JSON.stringify(join(project, path));
    const entry = `export { EcrPullGate } from ${file('aws/component/pull-gate.ts')};\nexport { AcrPullGate } from ${file('azure/component/pull-gate.ts')};\n`;
    schema = analyze(entry, ['EcrPullGate', 'AcrPullGate']);
  });
  const resource = (token: string) => schema.resources[token];
  const outputsOf = (token: string) => Object.keys(schema.types[`${token}Outputs`]?.properties ?? {});

  it('has the two of them, by the tokens with which they register themselves', () => {
    expect(Object.keys(schema.resources)).toEqual(['pullgate:index:EcrPullGate', 'pullgate:index:AcrPullGate']);
  });

  it.each([
    [
      'pullgate:index:EcrPullGate',
      ['severityThreshold'],
      [
        'repositories',
        'exemptPrincipals',
        'closeLambdaRepositories',
        'unscannedHours',
        'enableInspector',
        'batchWindowSeconds',
        'reservedConcurrency',
        'logRetentionDays',
      ],
      ['exemptPrincipals'],
    ],
    [
      'pullgate:index:AcrPullGate',
      ['registries', 'severityThreshold'],
      [
        'registries',
        'repositories',
        'granularity',
        'registryRoles',
        'workspaceId',
        'subnetId',
        'enableDefender',
        'cveDetails',
        'pushEvents',
        'storageRedundancy',
        'logRetentionDays',
        'now',
      ],
      ['workspaceId'],
    ],
  ])(
    'of %s requires only %j, and takes outputs of other resources where that is of use',
    (token, needed, own, inputs) => {
      const { inputProperties = {}, requiredInputs } = resource(token) ?? {};
      expect(requiredInputs).toEqual(needed);
      expect(Object.keys(inputProperties).sort()).toEqual([...SHARED_INPUTS, ...own].sort());
      expect(Object.keys(inputProperties).filter((key) => !inputProperties[key]?.plain)).toEqual(inputs);
    },
  );

  it('describes every argument, with its default unless it is required', () => {
    for (const { inputProperties = {} } of Object.values(schema.resources)) {
      for (const [key, { description = '', optional }] of Object.entries<Input>(inputProperties))
        expect([key, description]).toEqual([key, expect.stringMatching(optional ? /.{20,}Default: /s : /.{40,}/s)]);
    }
  });

  it.each([
    [
      'pullgate:index:EcrPullGate',
      [
        'pullgate',
        'region',
        'accountId',
        'partition',
        'statementId',
        'functionName',
        'logGroup',
        'tableName',
        'queueUrl',
        'deadLetterQueueUrl',
        'changesTopicArn',
        'alarmsTopicArn',
        'roleArn',
        'dashboardUrl',
        'settings',
      ],
    ],
    [
      'pullgate:index:AcrPullGate',
      [
        'pullgate',
        'subscriptionId',
        'resourceGroup',
        'functionAppName',
        'logicAppName',
        'queueUrl',
        'poisonQueueUrl',
        'tableUrl',
        'tableName',
        'workspaceId',
        'clientId',
        'subnetId',
        'mailEndpoint',
        'mailSender',
        'workbookUrl',
        'registries',
        'settings',
      ],
    ],
  ])('of %s has one object of outputs', (token, outputs) => {
    expect(resource(token)?.properties).toEqual({ outputs: { $ref: `#/types/${token}Outputs` } });
    expect(outputsOf(token)).toEqual(outputs);
  });

  it('has the fields of the policy in the policy of a rule, and the threshold', () => {
    const fieldsOf = (type: string) => Object.keys(schema.types[`pullgate:index:${type}`]?.properties ?? {});
    expect(fieldsOf('RuleArgs')).toEqual(['targets', 'repositories', 'mode', 'policy']);
    expect(fieldsOf('RulePolicyArgs').toSorted()).toEqual([...fieldsOf('PolicyArgs'), 'severityThreshold'].toSorted());
  });

  it('has every closed set as an enum', () => {
    const enums = Object.entries(schema.types).flatMap(([token, type]) =>
      type.enum === undefined ? [] : [[token.replace('pullgate:index:', ''), type.enum.map(({ value }) => value)]],
    );
    const severities = ['informational', 'low', 'medium', 'high', 'critical'];
    expect(Object.fromEntries(enums)).toEqual({
      Severity: severities,
      Threshold: [...severities, 'never'],
      UnknownSeverity: ['inherit', 'block', 'ignore'],
      Images: ['tagged', 'all'],
      Mode: ['enforce', 'audit'],
      BrakeExempt: ['never', 'exploited'],
      StorageRedundancy: ['lrs', 'zrs'],
      Granularity: ['image', 'repository'],
      RegistryRoles: ['rbac', 'abac'],
    });
  });
});

describe('the analyzer', () => {
  it.each([
    ['a list of literals', "'low' | 'high'", 'Union types are not supported'],
    ['a list that cannot be changed', 'readonly string[]', 'Unsupported type'],
  ])('refuses %s as the type of an argument', (_what, type, message) => {
    const component = `
      import * as pulumi from ${JSON.stringify(join(project, 'node_modules/@pulumi/pulumi/index.js'))};
      export interface GateArgs { value: ${type} }
      export class Gate extends pulumi.ComponentResource {
        constructor(name: string, args: GateArgs, opts?: pulumi.ComponentResourceOptions) {
          super('pullgate:index:Gate', name, {}, opts);
        }
      }`;
    expect(() => analyze(component, ['Gate'])).toThrow(message);
  });
});
