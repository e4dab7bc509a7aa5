// Changes of hundreds of gates at once: how many messages people get, and that nothing is lost while none can be sent.
import { expect, test } from 'vitest';
import { asOperator, leastToOpen, outputsOf, pullgate } from '../../cli/command.ts';
import { subjectsOf } from '../../mail-subjects.ts';
import { CRITICAL, type Stage, stage } from './stage.ts';

const NAMES = Array.from({ length: 400 }, (_, number) => `team/app-${number}`);
const closedCount = (s: Stage) => NAMES.filter((name) => s.isClosed(name)).length;
/** Their subjects since the last call, without the prefix. */
const newSubjects = ({ cloud }: Stage) =>
  cloud.notices.splice(0).map(({ subject = '' }) => subject.replace('[pullgate] ', ''));

test('400 gates close while SNS is down, are stripped at once, and open for a pause by command: one summary each', {
  timeout: 600_000,
}, async () => {
  const s = await stage({ maxClosesPerHour: 1_000 });
  const isDown = { code: 'AuthorizationError', message: 'no', status: 403, service: 'sns' } as const;
  const end = s.cloud.faults.add({ kind: 'error', ...isDown, times: Number.POSITIVE_INFINITY });
  for (const name of NAMES) await s.pushVulnerable(name, 'v1', CRITICAL);
  await s.runUntilIdle();
  s.cloud.clock.advance(120_000);
  await s.tick();
  expect([closedCount(s), newSubjects(s), s.cloud.deadLetters.messages()]).toEqual([400, [], []]);
  end();
  await s.tick();
  const [summary] = s.cloud.notices;
  expect(JSON.parse(summary?.attributes['repository'] ?? '')).toEqual(expect.arrayContaining(NAMES));
  expect(subjectsOf(summary?.subject ?? '', summary?.message ?? '')).toHaveLength(100);
  expect(summary?.message).toContain('\n  and 300 more\n');
  expect(newSubjects(s)).toEqual(['400 closed']);
  expect(s.lines('notified').at(-1)).toMatchObject({ gates: 400 });

  for (const name of NAMES) s.cloud.ecr.repository(name).policyText = undefined;
  await s.tick();
  expect([closedCount(s), newSubjects(s)]).toEqual([400, []]);
  await s.tick();
  expect([closedCount(s), newSubjects(s)]).toEqual([400, ['400 closed again']]);

  // The function makes no call for it.
  const operator = asOperator(s.cloud, leastToOpen(s.graph));
  const run = (...words: string[]) => pullgate([...words, '--outputs', outputsOf(s.graph)], operator);
  const before = s.lines('decision').length;
  const paused = await run('pause', '--yes');
  expect([paused.code, paused.stderr, closedCount(s), s.lines('decision').length]).toEqual([0, '', 0, before]);
  expect(newSubjects(s)).toEqual(['400 opened']);
  // The function sweeps once it has seen the pause, and once more at its end.
  await s.tick();
  expect((await run('resume')).code).toBe(0);
  await s.tick();
  expect(closedCount(s)).toBe(400);
  await s.tick();
  expect(newSubjects(s)).toEqual(['400 closed again']);
});
