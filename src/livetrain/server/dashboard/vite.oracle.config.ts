import { defineConfig } from 'vite';

// The page's data for the tests, run by Node: LIVETRAIN_ORACLE says where it goes.
export default defineConfig({
  build: {
    ssr: 'oracle/main.ts',
    outDir: process.env.LIVETRAIN_ORACLE ?? 'dist',
    emptyOutDir: true,
    target: 'node20',
  },
  ssr: { noExternal: true },
});
