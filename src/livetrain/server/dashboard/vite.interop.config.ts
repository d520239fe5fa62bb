import { defineConfig } from 'vite';

// A page for the tests of gRPC-Web, and for no wheel: LIVETRAIN_INTEROP says where it goes.
export default defineConfig({
  root: 'interop',
  base: './',
  build: { outDir: process.env.LIVETRAIN_INTEROP ?? 'dist', emptyOutDir: true, target: 'es2022' },
});
