// Builds the console into `dist`, which is committed and goes into the binary: `npm ci && npm run build`.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  // Wherever a proxy puts it.
  base: "./",
  resolve: {
    alias: { tidings: fileURLToPath(new URL("../clients/typescript/src/index.ts", import.meta.url)) },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: process.env.CONSOLE_OUT ?? "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      // The server tells by a tag whether a file is new, so that names can stay.
      output: { entryFileNames: "console.js", assetFileNames: "[name][extname]", codeSplitting: false },
    },
  },
});
