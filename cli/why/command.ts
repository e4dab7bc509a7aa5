// The command `pullgate why`: its options and help.
import type { Command } from 'commander';
import { type JsonOption, now, withJson, withStack } from '../command.ts';
import { connect } from '../stack/clients.ts';
import { ECR_IMAGE, parseImageName } from '../stack/image-name.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { printAnswer, runAnswering } from '../terminal/answer.ts';
import { whyLines } from './text.ts';
import { explainImage } from './why.ts';

const HELP = `
The command changes nothing. It uses the stack's policy and what the scanner reports now. It does
not check whether your own permissions allow a pull.

Exit codes: 0 the image can be pulled; 1 its pulls are blocked; 2 no answer (an invalid name, no
such image, or a cloud that does not answer).

Examples:
  pullgate why ${ECR_IMAGE}
  pullgate why acmeimages.azurecr.io/team/app@sha256:...
`;

export function addWhy(program: Command): void {
  const command = program
    .command('why')
    .description('explain whether an image can be pulled, who closed its gate, which findings matter, and what to do')
    .argument('<image>', "the image's name, with its registry and a tag (default: latest) or digest");
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action((image: string, { json, ...where }: StackOptions & JsonOption) =>
      runAnswering(async () => {
        const name = parseImageName(image);
        const stack = await findStack(where);
        const clients = await connect(stack, now);
        const answer = await explainImage({ name, stack: stack.name, label: stack.label, clients, now });
        printAnswer(json, answer, () => whyLines(answer, now()));
        return answer.pullable ? 0 : 1;
      }),
    );
}
