// What the pipeline file tells of a definition: whether a run of it deploys, and which steps retry themselves.
import { describe, expect, it } from 'vitest';
import { definitionFacts } from '../../../functions/pipeline-retry/observe-definition.ts';

const FILE = `
definitions:
  steps:
    - step: &build
        name: build
        script: [make]
    - step: &ship
        name: ship
        deployment: production
        script: [make ship]
pipelines:
  default:
    - step: *build
  branches:
    main:
      - step: *build
      - step: *ship
    'feature/*':
      - parallel:
          steps:
            - step: { name: unit, script: [make test], on-fail: { strategy: retry, max-retry-count: 2 } }
            - step: { name: lint, script: [make lint] }
  pull-requests:
    '**':
      - step: *build
      - step: { name: approve, trigger: manual, script: [true] }
  custom:
    nightly:
      - variables: [{ name: LEVEL }]
      - stage:
          name: rollout
          deployment: staging
          steps:
            - step: { name: apply, script: [make apply] }
`;

function deploys(type: string, pattern: string | null, file: string | undefined = FILE): boolean | null {
  return definitionFacts(file, { type, pattern }).deploys;
}

describe('a definition', () => {
  it('deploys with a deployment, a manual step, or a stage that does', () => {
    expect(deploys('branches', 'main')).toBe(true);
    expect(deploys('pull-requests', '**')).toBe(true);
    expect(deploys('custom', 'nightly')).toBe(true);
  });

  it('that does none of it does not', () => {
    expect(deploys('default', null)).toBe(false);
    expect(deploys('branches', 'feature/*')).toBe(false);
  });

  it('names the steps that retry themselves', () => {
    expect(definitionFacts(FILE, { type: 'branches', pattern: 'feature/*' }).retried).toEqual(['unit']);
  });
});

describe('what cannot be told is not called harmless', () => {
  it.each<[string, boolean | null]>([
    ['no file', deploys('default', null, '')],
    ['no YAML', deploys('default', null, 'a: [')],
    ['no pipelines', deploys('default', null, 'image: node')],
    ['no steps', deploys('default', null, 'pipelines: { default: [] }')],
    ['an unknown definition of a file that deploys somewhere', deploys('branches', 'release')],
    ['no definition named', definitionFacts(FILE, null).deploys],
    [
      'a definition of another repository',
      deploys('custom', 'x', 'pipelines: { custom: { x: { import: "shared:main:x" } } }'),
    ],
    ['the name of a prototype', deploys('constructor', null)],
  ])('%s', (_, found) => {
    expect(found).toBeNull();
  });

  it('an unknown definition of a file that deploys nowhere is harmless', () => {
    const file = 'pipelines: { default: [ { step: { name: a, script: [b] } } ] }';
    expect(deploys('branches', 'release', file)).toBe(false);
  });

  it('a file that unfolds itself is not unfolded', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'.split('').map(
        (key, index) =>
          `${key}: &${key} [${Array(9)
            .fill(`*${'abcdefgh'[index] ?? 'a'}`)
            .join(',')}]`,
      ),
      'pipelines: { default: *i }',
    ].join('\n');
    expect(deploys('default', null, bomb)).toBeNull();
  });
});
