// The command `pullgate why`: what its words mean.
import type { Command } from 'commander';
import { type JsonOption, now, withJson, withStack } from '../command.ts';
import { parseImageName } from '../stack/image-name.ts';
import { sidesOf } from '../stack/sides.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { printAnswer, runAnswering } from '../terminal/answer.ts';
import { whyLines } from './text.ts';
import { whyImage } from './why.ts';

const AFTER = `
IMAGE is a name as a deployment has it, with a tag (default: latest) or a digest:
  123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4
  NAME.azurecr.io/team/app@sha256:...

It only looks, with the policy of the stack and the scanner's findings of now. Who may pull by their own rights is not asked.
Exit code: 0 it can be pulled, 1 it is refused, 2 no answer (a wrong name, no such image, a cloud that does not answer).`;

export function addWhy(program: Command): void {
  withJson(
    withStack(
      program
        .command('why')
        .description('say whether an image can be pulled, who closed it, by which findings, and what to do next')
        .argument('<image>', 'the name of the image, with its registry'),
    ),
  )
    .addHelpText('after', AFTER)
    .action((image: string, { json, ...where }: StackOptions & JsonOption) =>
      runAnswering(async () => {
        const name = parseImageName(image);
        const stack = await findStack(where);
        const answer = await whyImage({ name, stack: stack.name, sides: await sidesOf(stack, now), now });
        printAnswer(json, answer, () => whyLines(answer, now()));
        return answer.pullable ? 0 : 1;
      }),
    );
}
