// The commands `pullgate override open`, `override close` and `override clear`: their options and help.
import type { Command } from 'commander';
import { type JsonOption, now, run, userName, withJson, withStack } from '../command.ts';
import { connect } from '../stack/clients.ts';
import { ECR_IMAGE, parseImageName } from '../stack/image-name.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { type OverrideOptions, parseOverride } from './options.ts';
import { clearOverride, setOverride } from './run.ts';

interface SetOptions extends OverrideOptions, StackOptions, JsonOption {
  readonly dryRun?: boolean;
}

const IMAGE = "the image's name, with its registry and a tag or digest";
const ACR_IMAGE = 'acmeimages.azurecr.io/team/app:1.4';
const CODES = `
Exit codes: 0 done; 1 something failed, and the output names it; 2 wrong usage, nothing was changed.
The change is recorded before it is applied: if this command is interrupted, the function applies
it within a few minutes.
`;
const GATE = `On AWS, the gate is the whole repository. On Azure, it is the image or the repository, depending on
azure.granularity. pullgate sends a notice when the override begins and when it ends. A new override
replaces the previous one.`;

export function addOverride(program: Command): void {
  const override = program
    .command('override')
    .description('keep one gate open or closed for a limited time, regardless of the policy')
    .addHelpText('after', `\nExample:\n  pullgate override clear ${ECR_IMAGE}`);
  addSet(
    override,
    'open',
    'break glass: keep the gate of an image open for a limited time',
    `
While the override is in force, pullgate does not close the gate. When it ends, the gate closes
again if it still has a blocker. If the image is an index, its images open too.
${GATE}
${CODES}
Example:
  pullgate override open ${ECR_IMAGE} --for 4h --reason "the fix is being built" --approved-by security@example.com
`,
  );
  addSet(
    override,
    'close',
    'close the gate of an image for a limited time, even if it has no findings',
    `
While the override is in force, pullgate does not open the gate. When it ends, the gate opens
unless it has a blocker. It closes in the mode audit, too, but not during a pause. A repository that
serves Lambda functions closes, too: those functions fail.
${GATE}
${CODES}
Example:
  pullgate override close ${ACR_IMAGE} --for 4h --reason "suspected tampering" --approved-by security@example.com
`,
  );
  addClear(override);
}

function addSet(override: Command, verb: 'open' | 'close', description: string, help: string): void {
  const command = override
    .command(verb)
    .description(description)
    .argument('<image>', IMAGE)
    .option('--for <time>', 'how long the override lasts, such as 30m, 4h or 1h30m; at most 24h (required)')
    .option('--reason <text>', 'the reason, for the notices and the log (required)')
    .option('--approved-by <name>', 'the approver (required)')
    .option('--dry-run', 'show what would be done, and change nothing');
  withJson(withStack(command))
    .addHelpText('after', help)
    .action((image: string, options: SetOptions) =>
      run(async () => {
        // Every problem with the options is reported before any request to a cloud.
        const name = parseImageName(image);
        const order = parseOverride(verb === 'open' ? 'open' : 'closed', options, now(), userName());
        return setOverride({ ...(await inputOf(options)), name, order });
      }),
    );
}

function addClear(override: Command): void {
  const command = override
    .command('clear')
    .description('end the override of an image early')
    .argument('<image>', IMAGE)
    .option('--dry-run', 'show what would be done, and change nothing');
  withJson(withStack(command))
    .addHelpText(
      'after',
      `
The policy applies to the gate again immediately. If the tag has moved to another image, this
clears the override of the image that had the tag before. The commands that set an override print
the image's name with its digest, which always works here.
${CODES}
Example:
  pullgate override clear ${ECR_IMAGE}
`,
    )
    .action((image: string, options: SetOptions) =>
      run(async () => {
        const name = parseImageName(image);
        return clearOverride({ ...(await inputOf(options)), name, by: userName() });
      }),
    );
}

async function inputOf({ dryRun = false, json = false, ...where }: SetOptions) {
  const stack = await findStack(where);
  return { stack: stack.name, clients: await connect(stack, now), now, dryRun, json };
}
