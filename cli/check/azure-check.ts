// What the checks of a self-test on Azure share: the stack with its clients, and what a refused read becomes.

import type { Registry } from '@azure/arm-containerregistry';
import { isRestError } from '@azure/core-rest-pipeline';
import type { Adapters } from '../../azure/function/adapters.ts';
import type { Clients } from '../../azure/function/clients.ts';
import { PartialAnswer } from '../../azure/function/log-analytics.ts';
import type { ReadArm } from '../stack/azure-arm.ts';
import type { AzureStack } from '../stack/stack.ts';
import { isRefusedNetwork, sentenceOf } from '../terminal/ending.ts';
import type { TestLine, TestResult } from './self-test.ts';

export interface AzureTest {
  readonly stack: AzureStack;
  readonly adapters: Adapters;
  readonly logs: Clients['logs'];
  readonly readArm: ReadArm;
  readonly now: () => string;
}

/** A registry of the stack, as its id names it. */
export interface NamedRegistry {
  readonly id: string;
  readonly name: string;
  readonly describe: () => Promise<Registry>;
}

type Subject = Pick<TestLine, 'check' | 'what'>;

/**
 * Runs one check. What Azure does not answer is unknown, and never ok.
 *
 * @param role the role that the check needs, as part of a sentence
 */
export async function runCheck(subject: Subject, role: string, check: () => Promise<TestResult>): Promise<TestLine> {
  try {
    return { ...subject, ...(await check()) };
  } catch (error) {
    return { ...subject, ...unchecked(error, role) };
  }
}

/** @throws the error if it is not an answer of Azure: no login, or a bug */
export function unchecked(error: unknown, role: string): TestResult {
  if (!isRestError(error) && !(error instanceof PartialAnswer)) throw error;
  if (isRestError(error) && isRefusedNetwork(error)) {
    const found = 'could not be checked: the registry does not admit your network';
    return { state: 'unknown', found, toDo: 'Run this command from a network that the registry admits.' };
  }
  const isDenied = isRestError(error) && (error.statusCode === 401 || error.statusCode === 403);
  if (!isDenied) return { state: 'unknown', found: `could not be checked: ${sentenceOf(error, 'reads')}` };
  const toDo = 'Assign the role to yourself, wait a few minutes, and run this command again.';
  return { state: 'unknown', found: `could not be checked: needs the role ${role}`, toDo };
}
