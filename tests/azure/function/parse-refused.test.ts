// Refused input: one short line per problem of a message, with the field, the given value and the expected value.
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../../azure/function/parse.ts';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';
import { describeProblem } from '../../../shared/runtime/problem.ts';
import {
  ASSESSMENT_ID,
  additional,
  DIGEST as GIVEN_DIGEST,
  individualMessage,
  REGISTRY_ID,
  resource,
} from './samples.ts';

/** The problems of a refused message, as sentences. */
function problemsWith(message: unknown): readonly string[] {
  const parsed = parseMessage(message);
  if (parsed.ok) throw new Error(`expected problems, was given a request: ${JSON.stringify(parsed.value)}`);
  return parsed.problems.map(describeProblem);
}

/** An event whose image is named only by its details. */
const naming = (details: Readonly<Record<string, unknown>>) =>
  individualMessage({
    ...resource(REGISTRY_ID),
    ...additional({ RepositoryName: 'team/app', Digest: GIVEN_DIGEST, ...details }),
  });

const request = (changes: Readonly<Record<string, unknown>>) => ({
  pullgate: 'reconcile',
  registry: REGISTRY_ID,
  repository: 'team/app',
  digest: GIVEN_DIGEST,
  trigger: 'sweep',
  ...changes,
});

const REPOSITORY = `expected ${REPOSITORY_NAME}`;
const DIGEST = 'expected a digest: sha256: and 64 hexadecimal digits';
const ASSESSMENT = 'expected an assessment id of at most 1000 characters that ends with its name';
const DETAILS = 'expected JSON text with details of the assessment';
const REGISTRY =
  'expected the id of a registry: /subscriptions/GUID/resourceGroups/GROUP/providers/Microsoft.ContainerRegistry/registries/NAME';
const TRIGGER = 'expected one of finding, scan, push, delete, settings, sweep, tick, lock';

describe('a message that is not an object', () => {
  it.each<[unknown, string]>([
    [undefined, 'message is missing: expected a JSON object'],
    [null, 'message is null: expected a JSON object'],
    ['', 'message is "": expected a JSON object'],
    ['a\nb', 'message is "a\\nb": expected a JSON object'],
    [5, 'message is 5: expected a JSON object'],
    [true, 'message is true: expected a JSON object'],
    [[individualMessage()], 'message is [{"assessment":"/subscriptions/00000000'],
    ['x'.repeat(65_536), `message is "${'x'.repeat(119)}…: expected a JSON object`],
  ])('%j', (message, start) => {
    const [sentence, ...others] = problemsWith(message);
    expect(sentence?.startsWith(start)).toBe(true);
    expect(others).toEqual([]);
  });
});

describe('a missing field is named', () => {
  it('in an event', () => {
    expect(problemsWith({})).toEqual([`assessment is missing: ${ASSESSMENT}`]);
  });

  it('in a message of our own', () => {
    expect(problemsWith({ pullgate: 'reconcile' })).toEqual([
      `registry is missing: ${REGISTRY}`,
      `repository is missing: ${REPOSITORY}`,
      `trigger is missing: ${TRIGGER}`,
    ]);
  });
});

describe('an invalid value is shown', () => {
  const long = `${REGISTRY_ID}/providers/Microsoft.Security/assessments/${'a'.repeat(1_000)}`;
  it.each<[string, unknown, readonly string[]]>([
    ['an unknown request', request({ pullgate: 'nap' }), ['pullgate is "nap": expected reconcile']],
    ['a request that is not a string', request({ pullgate: {} }), ['pullgate is {}: expected reconcile']],
    ['an unknown trigger', request({ trigger: 'whim' }), [`trigger is "whim": ${TRIGGER}`]],
    ['the name of a registry', request({ registry: 'myacr' }), [`registry is "myacr": ${REGISTRY}`]],
    [
      'the id of a resource in a registry',
      request({ registry: `${REGISTRY_ID}/x` }),
      [`registry is "${`${REGISTRY_ID}/x`.slice(0, 119)}…: ${REGISTRY}`],
    ],
    ['an assessment that is not a string', { assessment: 5 }, [`assessment is 5: ${ASSESSMENT}`]],
    [
      'an assessment that is too long',
      individualMessage({ assessment: long }),
      [`assessment is "${long.slice(0, 119)}…: ${ASSESSMENT}`],
    ],
    [
      'a resource that is not a string',
      individualMessage({ resourceDetails: { Id: REGISTRY_ID } }),
      [`resourceDetails is ${JSON.stringify({ Id: REGISTRY_ID }).slice(0, 120)}…: ${DETAILS}`],
    ],
    [
      'an action that is not a string',
      individualMessage({ assessmentEventDataEnrichment: 1 }),
      [`assessmentEventDataEnrichment is 1: ${DETAILS}`],
    ],
    [
      'several fields at once, each once',
      { ...naming({ RepositoryName: 'A', Digest: 'x' }), at: 5 },
      [
        `repository is "A": ${REPOSITORY}`,
        `digest is "x": ${DIGEST}`,
        'at is 5: expected the time of the event, such as 2026-01-31T12:00:00Z',
      ],
    ],
    ['tries that are not a number', individualMessage({ tries: '1' }), ['tries is "1": expected a number']],
    ['tries that are not a whole number', request({ tries: 1.5 }), ['tries is 1.5: expected a whole number']],
    ['tries below 0', request({ tries: -1 }), ['tries is -1: expected 0 or more']],
    ['too many tries', request({ tries: 101 }), ['tries is 101: expected at most 100']],
    ['tries that are null', request({ tries: null }), ['tries is null: expected a number']],
  ])('%s', (_name, message, sentences) => {
    expect(problemsWith(message)).toEqual(sentences);
  });

  it.each([
    'sha256:abc',
    `sha256:${'0'.repeat(63)}`,
    `sha256:${'0'.repeat(65)}`,
    `sha256:${'A'.repeat(64)}`,
    `sha512:${'0'.repeat(64)}`,
    `sha256:${'0'.repeat(64)}\n`,
    ` sha256:${'0'.repeat(64)}`,
    '0'.repeat(64),
    'latest',
    '" | union *',
    '',
  ])('an invalid digest: %j', (digest) => {
    const sentence = `digest is ${JSON.stringify(digest)}: ${DIGEST}`;
    if (digest !== '') expect(problemsWith(naming({ Digest: digest }))).toEqual([sentence]);
    expect(problemsWith(request({ digest }))).toEqual([sentence]);
  });

  it.each([
    ['nothing', ''],
    ['upper case', 'Team/App'],
    ['a parent path', '../app'],
    ['a parent path inside', 'team/../app'],
    ['a leading slash', '/team'],
    ['a trailing slash', 'team/'],
    ['two slashes', 'team//app'],
    ['a backslash', 'team\\app'],
    ['an escaped slash', 'team%2fapp'],
    ['a quote', "app' or 1==1"],
    ['a double quote', 'app" or ""=="'],
    ['a pipe', 'app | take 1'],
    ['a semicolon', 'app";let Digest=""'],
    ['a comment', 'app // x'],
    ['a line break', 'team/app\n'],
    ['a null character', 'team/app\0'],
    ['a query', 'app?x=1'],
    ['a fragment', 'app#1'],
    ['a wildcard', 'team/*'],
    ['a tag', 'app:1.0'],
    ['a digest', `app@${GIVEN_DIGEST}`],
    ['a letter of another script', 'аpp'],
    ['a dot as a segment', 'team/./app'],
    ['a leading hyphen', '-team/app'],
    ['a leading underscore', '__proto__'],
  ])('a repository name with %s: %j', (_name, repository) => {
    const sentence = `repository is ${JSON.stringify(repository)}: ${REPOSITORY}`;
    if (repository !== '') expect(problemsWith(naming({ RepositoryName: repository }))).toEqual([sentence]);
    expect(problemsWith(request({ repository }))).toEqual([sentence]);
  });

  it('a repository name of 257 characters, and of 64 KB', () => {
    for (const repository of ['a'.repeat(257), 'a'.repeat(65_536), 'a/'.repeat(32_768)]) {
      const shown = JSON.stringify(repository).slice(0, 120);
      expect(problemsWith(request({ repository }))).toEqual([`repository is ${shown}…: ${REPOSITORY}`]);
    }
  });

  it.each([
    ['a quote', `${ASSESSMENT_ID}' or 1==1`],
    ['a double quote', `${ASSESSMENT_ID}"`],
    ['a pipe', `${REGISTRY_ID}/a|b/x`],
    ['a line break', `${ASSESSMENT_ID}\n`],
    ['a line break inside', `${REGISTRY_ID}/a\nb/x`],
    ['a query', `${ASSESSMENT_ID}?x=1`],
    ['an escape', `${REGISTRY_ID}/a%2f/x`],
    ['a placeholder', `${REGISTRY_ID}/...?/providers/Microsoft.Security/assessments/x`],
    ['no name at its end', `${REGISTRY_ID}/`],
    ['a parent path as its name', `${REGISTRY_ID}/..`],
    ['a name of 101 characters', `${REGISTRY_ID}/${'a'.repeat(101)}`],
    ['no leading slash', ASSESSMENT_ID.slice(1)],
  ])('an assessment of a registry with %s: %j', (_name, assessment) => {
    const shown = JSON.stringify(assessment);
    expect(problemsWith(individualMessage({ assessment }))).toEqual([
      `assessment is ${shown.length > 120 ? `${shown.slice(0, 120)}…` : shown}: ${ASSESSMENT}`,
    ]);
  });
});
