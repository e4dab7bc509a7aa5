// Faults that the harness must find. Each changes a module in a copy of the source, and the copy is bundled. The code
// that ships has no switch for them.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Program } from './cloud.ts';
import type { PauseStack } from './people.ts';
import type { CloudName } from './run.ts';

interface Change {
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Planted {
  /** Both clouds share the core. */
  readonly changes: Readonly<Record<CloudName, readonly Change[]>>;
  /** The complaint that the judge must make. */
  readonly sign: RegExp;
}

const PROJECT = join(import.meta.dirname, '..', '..');
const COPIED = ['shared', 'aws', 'azure', 'cli', 'config', 'bundle.ts', 'package.json'];

const onBoth = (...changes: readonly Change[]): Planted['changes'] => ({ aws: changes, azure: changes });

/** The faults, by name. */
export const MUTANTS = {
  'the sweep left out': {
    changes: onBoth({
      file: 'shared/reconcile/sweep.ts',
      from: 'await ports.sendRequests([...repositories.values()], trigger);',
      to: '',
    }),
    sign: /at the end/,
  },
  'opening on a finding that is closed or absent': {
    changes: onBoth({
      file: 'shared/gate/image-evaluation.ts',
      from: "const isAccountedFor = blocker.omittedFindings === 0 && judgeImage(input, unaccounted).kind === 'allow';",
      to: 'const isAccountedFor = true;',
    }),
    sign: /is open though|at the end .* is open/,
  },
  'the read-back after a write left out': {
    changes: {
      aws: [
        {
          file: 'aws/function/repository-lock.ts',
          from: "return isClosed === (desired === 'closed') ? { ...written, after: after ?? '' } : OVERTAKEN;",
          to: 'return { ...written, after: String(isClosed) };',
        },
      ],
      azure: [
        {
          file: 'azure/function/attribute-lock.ts',
          from: "if (after?.readEnabled !== (desired === 'open')) return { kind: 'overtaken' };",
          to: '',
        },
      ],
    },
    sign: /is open though|at the end .* is open/,
  },
  'the record’s version not checked': {
    changes: {
      aws: [
        {
          file: 'aws/function/records.ts',
          from: 'Item: { ...item, version: { N: String(next) } }, ...onlyOver(version) };',
          to: 'Item: { ...item, version: { N: String(next) } } };',
        },
      ],
      azure: [
        {
          file: 'azure/function/records.ts',
          from: "client.updateEntity(row, 'Replace', { etag: String(version) })",
          to: "client.updateEntity(row, 'Replace', { etag: '*' })",
        },
      ],
    },
    sign: /its record says/,
  },
  'the batch’s failures not reported': {
    changes: {
      aws: [
        {
          file: 'aws/function/invocation.ts',
          from: 'return { batchItemFailures: toRetry.map(({ messageId }) => ({ itemIdentifier: messageId })) };',
          to: 'return { batchItemFailures: [] };',
        },
      ],
      // The same on Azure: a failed message is not retried.
      azure: [
        {
          file: 'azure/function/invocation.ts',
          from: 'await adapters.queue.sendLater({ ...payload, tries: tries + 1 }, minutes * 60);',
          to: '',
        },
      ],
    },
    sign: /is open though .* has had to hold it/,
  },
  'the policy replaced instead of merged': {
    changes: {
      aws: [
        {
          file: 'aws/function/repository-lock.ts',
          from: "desired === 'closed' ? withOurs(current, ours, olderIds) : withoutOurs(current, [ours.Sid, ...olderIds]);",
          to: "desired === 'closed' ? JSON.stringify({ Version: '2012-10-17', Statement: [ours] }) : withoutOurs(current, [ours.Sid]);",
        },
      ],
      // The same on Azure: the other attributes are overwritten.
      azure: [
        {
          file: 'azure/function/attribute-lock.ts',
          from: '.updateManifestProperties({ canRead })',
          to: '.updateManifestProperties({ canRead, canWrite: true, canDelete: true })',
        },
      ],
    },
    sign: /the team's statement|the policy was|Enabled should be/,
  },
  'the notification sent before the confirmation and not repeated': {
    changes: onBoth(
      {
        file: 'shared/reconcile/apply.ts',
        from: 'const saved = needsSaving(plan, confirmed, version) ? await ports.records.save(confirmed, version) : version;',
        to: 'for (const notice of confirmed.pending) await ports.notify(confirmed.gate, notice).catch(() => {});\n    const saved = await ports.records.save({ ...confirmed, pending: [] }, version);',
      },
      {
        file: 'shared/reconcile/apply.ts',
        from: "return saved === undefined ? 'conflict' : sendAtOnce(confirmed, saved, ports);",
        to: "return saved === undefined ? 'conflict' : sendAtOnce({ ...confirmed, pending: [] }, saved, ports);",
      },
    ),
    sign: /was notified of/,
  },
  'the second observation before an opening left out': {
    changes: onBoth({
      file: 'shared/reconcile/apply.ts',
      from: 'if (isOpening(plan) && (await isStillBlocked(plan, rules, ports))) return conflict;',
      to: '',
    }),
    sign: /was dangerous again before it was opened/,
  },
  'the policy not read again before an opening': {
    changes: {
      aws: [
        {
          file: 'aws/function/repository-lock.ts',
          from: "const { snapshot } = desired === 'open' ? readingOf(await readPolicy(lock, repository), lock) : observed;",
          to: 'const { snapshot } = observed;',
        },
      ],
      // On Azure one attribute is changed alone, so there is nothing to overwrite.
      azure: [],
    },
    sign: /the team's statement|the policy was/,
  },
  'the brake not asked': {
    changes: onBoth({
      file: 'shared/reconcile/desired-state.ts',
      from: 'const mayClose = await inTurn(() => askBrake(brake, candidate, now, rules));',
      to: 'const mayClose = true;',
    }),
    sign: /^the brake admits/,
  },
  'every reconciliation saves its record': {
    changes: onBoth({
      file: 'shared/reconcile/apply.ts',
      from: 'return version !== stored.version || JSON.stringify(confirmed) !== JSON.stringify(stored.value);',
      to: 'return true;',
    }),
    sign: /^a second reconciliation writes nothing/,
  },
  'a pause that the function does not respect': {
    changes: onBoth({
      file: 'shared/reconcile/rules.ts',
      from: "const rules = createRules(settings, isPaused(value, now) ? 'pause' : undefined);",
      to: 'const rules = createRules(settings);',
    }),
    sign: /^during a pause nothing of ours is locked/,
  },
  'the mode of a rule does not count': {
    changes: onBoth({
      file: 'shared/policy/rule.ts',
      from: 'ruling: { rule: rule.label, mode: rule.mode ?? mode, policy: rule.policy },',
      to: 'ruling: { rule: rule.label, mode, policy: rule.policy },',
    }),
    sign: /at the end/,
  },
  'a shown report serves an event that is newer than it': {
    changes: {
      // Only Azure remembers reports.
      aws: [],
      azure: [
        {
          file: 'azure/function/shown-reports.ts',
          from: 'return at !== undefined && shown !== undefined && Date.parse(shown) >= Date.parse(at);',
          to: 'return at !== undefined && shown !== undefined;',
        },
      ],
    },
    sign: /^what holds is closed in time.* is open though/,
  },
  'a pause that stops at an unreadable row': {
    changes: onBoth({
      file: 'cli/stack/overview.ts',
      from: "unreadable.push({ gate, problem: sentenceOf(error, 'reads') });",
      to: 'throw error;',
    }),
    sign: /^during a pause nothing of ours is locked/,
  },
} as const satisfies Readonly<Record<string, Planted>>;

export type Mutant = keyof typeof MUTANTS;

const BUNDLERS: Readonly<Record<CloudName, string>> = {
  aws: 'aws/component/function.ts',
  azure: 'azure/component/code.ts',
};

/**
 * Returns the code of a function and of a command with a planted fault.
 *
 * @throws Error if the text to change does not occur exactly once: adapt the fault to the source
 */
export async function programWith(mutant: Mutant, cloud: CloudName): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'pullgate-mutant-'));
  try {
    for (const name of COPIED) cpSync(join(PROJECT, name), join(folder, name), { recursive: true });
    symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
    const changes: readonly Change[] = MUTANTS[mutant].changes[cloud];
    if (changes.length === 0) throw new Error(`the fault "${mutant}" has no place on ${cloud}`);
    for (const { file, from, to } of changes) {
      const path = join(folder, file);
      const text = readFileSync(path, 'utf8');
      if (text.split(from).length !== 2)
        throw new Error(`the mutant "${mutant}" changes a text that has to stand in ${file} once: ${from}`);
      writeFileSync(
        path,
        text.replace(from, () => to),
      );
    }
    const module: { bundleHandler(settings: object): { files: Record<string, string> } } = await import(
      pathToFileURL(join(folder, BUNDLERS[cloud])).href
    );
    const code = module.bundleHandler({}).files['index.mjs'];
    if (code === undefined) throw new Error('the bundle has no index.mjs');
    const command: { pauseStack: PauseStack } = await import(pathToFileURL(join(folder, 'cli/pause/pause.ts')).href);
    return { code, pauseStack: command.pauseStack };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
