// Makes `dist/*.js`: one file for each entry, minified, with private properties (those that end in `_`) renamed.

import { writeFileSync } from "node:fs";
import { build } from "esbuild";
import { minify } from "terser";
import { entries } from "./entries.mjs";

/** In the folder of the package. */
export async function bundle() {
  for (const { name, external } of entries) {
    const { outputFiles } = await build({
      entryPoints: [`src/${name}.ts`],
      write: false,
      bundle: true,
      external,
      format: "esm",
      target: "es2022",
      minify: true,
      mangleProps: /[^_]_$/,
      mangleQuoted: true,
      legalComments: "none",
    });
    // Once more, by one that inlines more: 5 % smaller when compressed. Functions that are used once it leaves where they are.
    const { code } = await minify(outputFiles[0].text, {
      module: true,
      ecma: 2022,
      compress: { passes: 4, pure_getters: true, unsafe: true, unsafe_arrows: true, reduce_funcs: false },
    });
    writeFileSync(`dist/${name}.js`, code);
  }
}
