import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import a11y from 'eslint-plugin-jsx-a11y';
import hooks from 'eslint-plugin-react-hooks';
import globals from 'globals';
import ts from 'typescript-eslint';

// Imports point down only, as in the Python part: each layer names what it must not see.
const layers = [
  'gen',
  'lib',
  'api',
  'paint',
  'curve-feed',
  'live',
  'store',
  'plots',
  'ui',
  'session',
  'charts',
  'tiles',
  'steering',
  'pages',
];
const mayImport = {
  gen: [],
  lib: ['gen'],
  api: ['lib'],
  paint: ['lib'],
  // The worker of curves, and what it and the page say to each other.
  'curve-feed': ['lib', 'api'],
  live: ['gen', 'lib', 'paint', 'curve-feed'],
  store: ['lib', 'live', 'api', 'curve-feed'],
  plots: ['lib', 'paint', 'curve-feed'],
  ui: ['lib', 'store'],
  session: ['lib', 'live', 'store', 'paint', 'curve-feed'],
  charts: ['lib', 'paint', 'curve-feed', 'store', 'plots', 'ui'],
  tiles: ['lib', 'store', 'ui', 'session'],
  steering: ['lib', 'api', 'store', 'ui', 'session'],
  pages: ['lib', 'api', 'live', 'store', 'ui', 'session', 'charts', 'tiles', 'steering'],
};
const frameworks = ['react', 'react-dom', 'react-dom/*', 'radix-ui', 'wouter', 'zustand'];
const direction = Object.entries(mayImport).map(([layer, below]) => ({
  files: [`src/${layer}/**/*.{ts,tsx}`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: layers
              .filter((other) => other !== layer && !below.includes(other))
              .map((other) => `**/${other}/*`),
            message: `${layer} stands below that: imports point down only.`,
          },
          ...(['lib', 'api', 'curve-feed', 'live', 'paint', 'plots'].includes(layer)
            ? [{ group: frameworks, message: `${layer} knows no framework.` }]
            : []),
        ],
      },
    ],
  },
}));

export default ts.config(
  { ignores: ['node_modules', 'src/gen', '../static'] },
  js.configs.recommended,
  ts.configs.strictTypeChecked,
  ts.configs.stylisticTypeChecked,
  hooks.configs.flat['recommended-latest'],
  a11y.flatConfigs.strict,
  {
    languageOptions: {
      globals: globals.browser,
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // On the wire an empty string or a zero is what is not there.
      '@typescript-eslint/prefer-nullish-coalescing': [
        'error',
        { ignorePrimitives: { string: true, number: true } },
      ],
    },
  },
  ...direction,
  { files: ['**/*.{js,mjs}'], ...ts.configs.disableTypeChecked, languageOptions: { globals: globals.node } },
  prettier,
);
