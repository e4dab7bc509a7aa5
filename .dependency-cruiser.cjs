// Who may import whom, as the design's house has it. tests/architecture.test.ts proves that each rule bites.

/** Code that is deployed, or that runs when the stack is deployed. */
const SHIPPED = '^(?:(?:index|bundle)[.]ts$|(?:config|shared|aws|azure)/)';
const FUNCTION = '^(aws|azure)/function/';
const COMPONENT = '^(aws|azure)/component/';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'shared-imports-nothing-but-valibot',
      comment: 'The core is pure: no cloud SDK, no clock, no environment, no I/O.',
      severity: 'error',
      from: { path: '^shared/', pathNot: '^shared/runtime/' },
      to: { pathNot: ['^shared/', '^node_modules/valibot/'] },
    },
    {
      name: 'runtime-imports-only-valibot-timers-and-crypto',
      comment:
        'What both functions share and is no policy has the same limits, but for the deadline of an invocation and hashes.',
      severity: 'error',
      from: { path: '^shared/runtime/' },
      to: { pathNot: ['^shared/', '^node_modules/valibot/', '^timers/promises$', '^crypto$'] },
    },
    {
      name: 'function-imports-its-own-folder-and-shared',
      comment: 'What runs in the cloud knows the core and nothing else of the project.',
      severity: 'error',
      from: { path: FUNCTION },
      to: { dependencyTypes: ['local'], pathNot: ['^shared/', '^$1/function/'] },
    },
    {
      name: 'function-never-imports-pulumi',
      comment: "Pulumi runs on the deployer's machine only.",
      severity: 'error',
      from: { path: FUNCTION },
      to: { path: ['^node_modules/@pulumi/', '^@pulumi/'] },
    },
    {
      name: 'component-never-imports-function-code',
      comment:
        'A component names its function by the path that is bundled, so that deploying never loads what runs in the cloud.',
      severity: 'error',
      from: { path: ['^(?:index|bundle)[.]ts$', '^config/', COMPONENT] },
      to: { path: FUNCTION },
    },
    {
      name: 'component-imports-bundle-config-and-shared',
      comment: 'index -> component -> bundle, never backwards.',
      severity: 'error',
      from: { path: COMPONENT },
      to: { dependencyTypes: ['local'], pathNot: ['^$1/', '^shared/', '^config/', '^bundle[.]ts$'] },
    },
    {
      name: 'bundle-imports-nothing-of-the-project',
      comment: 'It turns any entry into an archive, and knows none.',
      severity: 'error',
      from: { path: '^bundle[.]ts$' },
      to: { dependencyTypes: ['local'] },
    },
    {
      name: 'config-imports-shared-only',
      comment: 'The config is checked before anything is built from it.',
      severity: 'error',
      from: { path: '^config/' },
      to: { dependencyTypes: ['local'], pathNot: ['^config/', '^shared/'] },
    },
    {
      name: 'aws-never-meets-azure',
      comment: 'The clouds meet in the core only.',
      severity: 'error',
      from: { path: '^(?:local/)?aws/' },
      to: { path: ['^(?:local/)?azure/', '^node_modules/@azure/', '^node_modules/@pulumi/azure'] },
    },
    {
      name: 'azure-never-meets-aws',
      comment: 'The clouds meet in the core only.',
      severity: 'error',
      from: { path: '^(?:local/)?azure/' },
      to: { path: ['^(?:local/)?aws/', '^node_modules/@aws-sdk/', '^node_modules/@pulumi/aws'] },
    },
    {
      name: 'shipped-never-imports-what-is-not',
      comment: 'The code under test does not know of the local clouds, and nothing deployed depends on a test.',
      severity: 'error',
      from: { path: SHIPPED },
      to: { path: '^(?:local|demo|tests|bench|cli)/' },
    },
    {
      name: 'local-never-imports-the-demo',
      comment: 'The local clouds serve the tests, the bench and the demo, and know none of them.',
      severity: 'error',
      from: { path: '^local/' },
      to: { path: '^(?:demo|tests|bench|cli)/' },
    },
    {
      name: 'shipped-imports-declared-dependencies-only',
      comment: 'No dev dependency, and no package that is there by chance. Types alone are erased.',
      severity: 'error',
      from: { path: [SHIPPED, '^cli/'] },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycle',
      comment: 'Modules that need each other, even only for a type, are one module.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere is also one that no other rule can see.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(?:coverage|tests/events)/' },
    // Types count too: a rule that `import type` gets around is none.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
};
