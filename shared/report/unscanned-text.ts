// Renders the daily summary of the images that no scan judges.
import { countBy, describeUnscanned, type UnscannedImage } from '../reconcile/unscanned.ts';
import { type Message, message } from './notice-text.ts';
import { counted } from './sentences.ts';

/** What a summary says besides its counts. */
export interface UnscannedAdvice {
  /** What a reason of the scanner means, and what to do about it. */
  explain(reason: string): string;
  /** What else to do, as a sentence. */
  readonly whatToDo: string;
}

const MAX_REPOSITORIES = 20;

/** Renders the summary: the images by reason, with what to do, and the repositories that have most of them. */
export function renderUnscanned(
  images: readonly UnscannedImage[],
  hours: number,
  { explain, whatToDo }: UnscannedAdvice,
): Message {
  const reasons = Object.entries(countBy(images, ({ reason }) => reason));
  const repositories = Object.keys(countBy(images, ({ repository }) => repository));
  const reasonsIn = (repository: string) =>
    describeUnscanned({
      byReason: countBy(
        images.filter((image) => image.repository === repository),
        ({ reason }) => reason,
      ),
    });
  const more = repositories.length - MAX_REPOSITORIES;
  const what = `${counted(images.length, 'image')} that no scan judges`;
  return message(what, [
    `The stack has ${what}, for ${counted(hours, 'hour')} or longer. Nothing can find them vulnerable, and they can be pulled.`,
    '',
    'Why:',
    ...reasons.map(([reason, count]) => `  ${count} ${reason}: ${explain(reason)}.`),
    '',
    'Where:',
    ...repositories.slice(0, MAX_REPOSITORIES).map((repository) => `  ${repository}: ${reasonsIn(repository)}`),
    ...(more > 0 ? [`  and ${counted(more, 'more repository', 'more repositories')}`] : []),
    '',
    whatToDo,
    'This summary is sent once a day at most. `pullgate status --live` shows the current counts.',
  ]);
}
