// Accepts a component's checked arguments, or ends the Pulumi program with every problem.
import * as pulumi from '@pulumi/pulumi';
import { describeProblem, type Parsed } from '../shared/runtime/problem.ts';

/**
 * Returns the checked arguments of a component.
 *
 * @throws RunError that names the component and every problem
 */
export function accept<T>(name: string, checked: Parsed<T>): T {
  if (checked.ok) return checked.value;
  const lines = [`The arguments of the component ${name} are wrong:`, ...checked.problems.map(describeProblem)];
  throw new pulumi.RunError(lines.join('\n'));
}
