// The use of images in the text and the page of `pullgate simulate`.
import { describe, expect, test } from 'vitest';
import { pageOf } from '../../../cli/simulate/page.ts';
import { type Simulation, simulate } from '../../../cli/simulate/simulation.ts';
import { linesOf } from '../../../cli/simulate/text.ts';
import { sumObserved, totalUsageLines } from '../../../cli/simulate/usage.ts';
import { sumUsage } from '../../../shared/gate/usage.ts';
import type { Usage } from '../../../shared/reconcile/observation.ts';
import { minute } from '../../../shared/report/times.ts';
import { digest, finding, GATE, NOW, present, rules } from '../../shared/samples.ts';

const subject = (number: number, usage: Usage | undefined, severity = 'critical') => ({
  gate: GATE,
  name: GATE.repository,
  tags: [],
  observe: () => present({ digest: digest(number), findings: [finding({ severity })] }),
  mayNotCount: false,
  ...(usage === undefined ? {} : { usage }),
});

function simulated(...subjects: readonly ReturnType<typeof subject>[]): Simulation {
  return simulate({ subjects, rules: rules(), now: NOW, most: 10 });
}

const REPORTED = { critical: 1, high: 0, medium: 0, low: 0, informational: 0, unknown: 0 };
const NAMES = { policy: 'the policy', against: undefined };

function textOf(simulation: Simulation): string {
  return [...linesOf({ simulation, reported: REPORTED, ...NAMES, all: true, limits: [] })].join('\n');
}

function htmlOf(simulation: Simulation): string {
  return pageOf({ simulation, reported: REPORTED, at: NOW, source: 'AWS', notes: [], ...NAMES });
}

describe('the use of the images that close a gate', () => {
  test('is added up for the gate and for each cloud, in the text and in the page', () => {
    const simulation = simulated(subject(1, { inUseCount: 3 }), subject(2, {}), subject(3, { inUseCount: 9 }, 'low'));
    const use = '1 of 2 images is in use, by 3 ECS tasks or EKS pods; the use of 1 is not known.';
    expect(simulation.gates[0]?.usage).toMatchObject({ images: 2, workloads: 3 });
    expect(textOf(simulation)).toContain(`\nUse on AWS of the images that would be blocked: ${use}\n`);
    expect(textOf(simulation)).toContain(`\n            ${use}`);
    expect(htmlOf(simulation)).toContain(`<p class="soft">${use}</p></div></details>`);
    expect(htmlOf(simulation)).toContain(`<p class="soft">Use on AWS of the images that would be blocked: ${use}</p>`);
  });

  test('is unknown if nothing was observed of it', () => {
    expect(textOf(simulated(subject(1, {})))).toContain('Whether it runs is not known.');
  });

  test('is not mentioned for reports', () => {
    const simulation = simulated(subject(1, undefined));
    expect(simulation.gates[0]?.usage).toBeUndefined();
    expect(textOf(simulation)).not.toMatch(/ use|runs/i);
    expect(htmlOf(simulation)).not.toMatch(/Use on|runs/);
    expect(sumObserved([])).toBeUndefined();
  });

  test('is one line for each cloud', () => {
    const usage = sumUsage([{ lastPulledAt: NOW }, undefined]);
    const onAzure = { gate: { ...GATE, registry: '/subscriptions/1/registries/acme' }, usage };
    expect(totalUsageLines([onAzure, { gate: GATE, usage: sumUsage([{ inUseCount: 0 }]) }, { gate: GATE }])).toEqual([
      'Use on AWS of the images that would be blocked: not in use by ECS tasks or EKS pods.',
      `Use on Azure of the images that would be blocked: whether the 2 images run is not known; last pull recorded at ${minute(NOW)}.`,
    ]);
  });
});
