// `npm start`: the story of one vulnerable image, told by the deployed bundle on the local cloud. Exits with 1 if a step does not go as told.
import { styleText } from 'node:util';
import { tellStory } from './story.ts';

const print = (line = '') => console.log(line);
const style = (format: Parameters<typeof styleText>[0], text: string) =>
  styleText(format, text, { stream: process.stdout });

try {
  await tellStory({
    title(text) {
      print(style('bold', text));
      print();
    },
    step({ number, headline, details, milliseconds }) {
      const time = milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
      print(
        `${style(['bold', 'cyan'], String(number).padStart(2))}  ${style('bold', headline)}  ${style('dim', `(${time})`)}`,
      );
      for (const line of details) print(`      ${line}`);
      print();
    },
    note: (text) => print(style('dim', text)),
  });
  process.exitCode = 0;
} catch (error) {
  print();
  print(style('red', `The story did not go as told: ${error instanceof Error ? error.message : String(error)}`));
  process.exitCode = 1;
}
