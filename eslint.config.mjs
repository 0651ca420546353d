// The linter's share of the design: pure files stay pure, only config reads the environment, nothing is left dangling.
import tseslint from 'typescript-eslint';

const pureFiles = [
  'shared/core/**/*.ts',
  'functions/*/decide*.ts',
  'functions/*/needs.ts',
  'functions/*/queries.ts',
  'functions/*/report*.ts',
  'functions/*/schema*.ts',
  'functions/*/rules/**/*.ts',
];

const why = 'Decisions replay byte for byte only if nothing but their facts enters them (design.md, law 16): ';

const environmentReader = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Only shared/config reads the environment, so that every setting is checked, named and documented once.',
};

const eagerSchema = {
  selector:
    ':matches(Program, ExportNamedDeclaration) > VariableDeclaration > VariableDeclarator > CallExpression[callee.object.name="z"][callee.property.name=/^(object|strictObject|looseObject|discriminatedUnion)$/]',
  message:
    'z.lazy(() => …): a schema costs ten microseconds and 1.5 KiB, and a cold start would make the thousand of all adapters.',
};

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', 'fixtures/specs/**', '.nightshift/**'] },
  ...tseslint.configs.strict,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // A name with an underscore takes a member out of an object.
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: pureFiles,
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'process', message: `${why}the environment is read by shared/config alone.` },
        { name: 'fetch', message: `${why}what is read from outside comes in as facts, by observe.ts.` },
        { name: 'setTimeout', message: `${why}a decision does not wait.` },
        { name: 'crypto', message: `${why}random values are handed in.` },
        { name: 'performance', message: `${why}time is a fact.` },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: `${why}"now" is a fact.` },
        { object: 'Math', property: 'random', message: `${why}random values are handed in.` },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: `${why}"now" is a fact.` },
        { selector: 'FunctionDeclaration[async=true]', message: `${why}a pure file is synchronous.` },
        { selector: 'ArrowFunctionExpression[async=true]', message: `${why}a pure file is synchronous.` },
        { selector: 'FunctionExpression[async=true]', message: `${why}a pure file is synchronous.` },
        { selector: 'ImportExpression', message: `${why}a pure file is synchronous.` },
      ],
    },
  },
  {
    files: ['shared/**/*.ts', 'functions/**/*.ts'],
    ignores: ['shared/config/**', ...pureFiles],
    rules: { 'no-restricted-syntax': ['error', environmentReader] },
  },
  {
    files: ['shared/adapters/**/*.ts', 'shared/actions/**/*.ts', 'shared/prompt/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', environmentReader, eagerSchema] },
  },
  { files: ['shared/local/**/*.ts', 'scripts/**', 'bin/**', 'tests/**'], rules: { 'no-console': 'off' } },
  { files: ['**/*.mjs'], ...tseslint.configs.disableTypeChecked },
);
