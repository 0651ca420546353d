// The boundaries of the design as checks. Each rule says why it is there: the sentence is what a person sees when it fires.
/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'core-is-pure',
      comment:
        'core is vocabulary and arithmetic that every part trusts: it may know core, zod and hashing (node:crypto), and nothing that can fail or wait.',
      severity: 'error',
      from: { path: '^shared/core/' },
      to: { pathNot: ['^shared/core/', 'node_modules/zod/', '^(node:)?crypto$'] },
    },
    {
      name: 'judgement-knows-no-world',
      comment:
        'Rules, decide, needs, queries, schema and report import their own kin and core only, so that they replay from stored facts.',
      severity: 'error',
      from: { path: '^functions/([^/]+)/(rules/|decide|needs|queries|schema|report)' },
      to: {
        pathNot: ['^functions/$1/(rules/|decide|needs|queries|schema|report)', '^shared/core/', 'node_modules/zod/'],
      },
    },
    {
      name: 'observe-knows-ports-only',
      comment:
        'observe reads the world through ports, so that the same duty runs on real systems, on doubles and behind MCP.',
      severity: 'error',
      from: { path: '^functions/[^/]+/observe' },
      to: { path: ['^shared/(adapters|runtime|config|local|wiring|actions)/'] },
    },
    {
      name: 'duties-are-islands',
      comment: 'A duty is one deployable: what two duties share belongs in shared/.',
      severity: 'error',
      from: { path: '^functions/([^/]+)/' },
      to: { path: '^functions/', pathNot: '^functions/$1/' },
    },
    {
      name: 'adapters-are-islands',
      comment: 'Adapters never import each other: each vendor can be replaced alone.',
      severity: 'error',
      from: { path: '^shared/adapters/([^/]+)/' },
      to: { path: '^shared/adapters/', pathNot: ['^shared/adapters/$1/', '^shared/adapters/http/'] },
    },
    {
      name: 'vendors-stay-in-adapters',
      comment: 'Vendor SDKs appear only in adapters: the rest speaks in our words.',
      severity: 'error',
      from: { path: '^(shared|functions)/', pathNot: ['^shared/adapters/', '^shared/local/'] },
      to: {
        path: 'node_modules/(@kubernetes|@slack|jira\\.js|@google-cloud|google-auth-library|@langchain|@modelcontextprotocol|protobufjs)',
      },
    },
    {
      name: 'ports-hold-no-code',
      comment: 'Ports are interfaces: they may name types of core and of each other.',
      severity: 'error',
      from: { path: '^shared/ports/' },
      to: { pathNot: ['^shared/ports/', '^shared/core/'] },
    },
    {
      name: 'runtime-knows-no-adapter',
      comment: 'The runtime gets its ports handed in by wiring, so that it runs the same on every host.',
      severity: 'error',
      from: { path: '^shared/(runtime|actions)/' },
      to: { path: '^shared/(adapters|wiring|local|config/env)/' },
    },
    {
      name: 'shipped-code-knows-no-tests',
      comment: 'Nothing shipped imports tests, fixtures or the local host: what is deployed must not know its doubles.',
      severity: 'error',
      from: { path: '^(shared|functions|bin)/', pathNot: '^(shared/local|bin)/' },
      to: { path: '^(tests|fixtures|scripts|shared/local)/' },
    },
    {
      name: 'no-cycles',
      comment: 'A cycle means that two files are one, or that one knows too much.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports and that is no entry point is dead.',
      severity: 'error',
      from: {
        orphan: true,
        path: '^(shared|functions)/',
        pathNot: ['^functions/[^/]+/index\\.ts$', '^shared/ports/', '\\.d\\.ts$'],
      },
      to: {},
    },
    {
      name: 'resolvable',
      comment: 'An import that resolves to nothing fails only when it is reached.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
