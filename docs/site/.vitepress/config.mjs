// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

const root = '../..';

// The page of a folder is README.md in the repository, where code hosts show it, and index.md on the site, so that its address is
// that of the folder. A link to LICENSE without a suffix would be taken for a link to a page.
function index(path) {
  return path.replace(/(^|\/)README\.md(?=$|#)/, '$1index.md').replace(/(^|\/)LICENSE$/, '$1LICENSE.txt');
}

export default defineConfig({
  title: 'elmo4j',
  description: 'ELMo embeddings for the JVM',
  base: process.env.SITE_BASE ?? '/',
  // Long calls in tables are broken; else the columns behind them would be cut off.
  head: [['style', {}, '.vp-doc table code { overflow-wrap: anywhere }']],
  srcDir: root,
  outDir: `${root}/build/site`,
  cacheDir: `${root}/build/site-cache`,
  srcExclude: ['**/target/**', 'build/**', '**/node_modules/**', '.github/**'],
  rewrites: index,
  // The pages are outside of this folder, so Vue would not be found from there.
  vite: {
    resolve: {
      alias: ['vue/server-renderer', 'vue'].map((name) => ({
        find: new RegExp(`^${name}$`),
        replacement: fileURLToPath(import.meta.resolve(name)),
      })),
    },
  },
  // javadoc makes the pages of the API, and LICENSE is not a page; `build` copies both.
  ignoreDeadLinks: [/^\/api\//, /LICENSE\.txt$/],
  markdown: {
    config(md) {
      md.core.ruler.push('index', (state) => {
        for (const block of state.tokens) {
          for (const token of block.children ?? []) {
            const href = token.type === 'link_open' && token.attrGet('href');
            if (href && !/^[a-z]+:/.test(href)) token.attrSet('href', index(href));
          }
        }
      });
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/docs/' },
      { text: 'Java API', link: '/api/index.html', target: '_self' },
      { text: 'Changelog', link: '/CHANGELOG' },
    ],
    sidebar: [
      {
        text: 'Use',
        items: [
          { text: 'Start', link: '/' },
          { text: 'Coming from another ELMo', link: '/docs/migration' },
          { text: 'Tagging, names, sentiment, senses', link: '/docs/tasks' },
          { text: 'Performance and memory', link: '/docs/performance' },
          { text: 'Nearest sentences and words', link: '/docs/similarity' },
          { text: 'Files that embed writes', link: '/docs/outputs' },
          { text: 'GPUs', link: '/docs/gpu' },
          { text: 'Spark', link: '/java/elmo4j-spark/' },
          { text: 'Troubleshooting', link: '/docs/troubleshooting' },
        ],
      },
      {
        text: 'Look up',
        items: [
          { text: 'Java API', link: '/api/index.html', target: '_self' },
          { text: 'Files of weights and vectors', link: '/java/elmo4j/FORMAT' },
          { text: 'The bundled model', link: '/java/elmo4j-model-mini-en/' },
          { text: 'Benchmarks', link: '/java/elmo4j-benchmarks/' },
          { text: 'Changelog', link: '/CHANGELOG' },
          { text: 'Security', link: '/SECURITY' },
        ],
      },
      {
        text: 'Work on it',
        items: [
          { text: 'Architecture', link: '/ARCHITECTURE' },
          { text: 'Contributing', link: '/CONTRIBUTING' },
          { text: 'CUDA kernels', link: '/kernels/' },
          { text: 'Design of the CUDA kernels', link: '/kernels/DESIGN' },
        ],
      },
    ],
  },
});
