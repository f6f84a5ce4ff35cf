// Builds the tests and runs them: `npm test`, or `npm test -- session` for those whose name has it. What they import from
// `src/index.ts` is the package as it ships.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundle } from "./bundle.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const choice = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const names = readdirSync("tests", { recursive: true })
  .map(String)
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => !choice.length || choice.some((part) => name.includes(part)))
  .sort();

/** The client as it ships in place of its source. */
const shipped = {
  name: "shipped",
  setup({ onResolve }) {
    onResolve({ filter: /\/src\/index\.ts$/ }, () => ({
      path: `${process.cwd()}/dist/index.js`,
      external: true,
    }));
  },
};

mkdirSync("dist", { recursive: true });
await bundle();
rmSync("build/tests", { recursive: true, force: true });
await build({
  entryPoints: names.map((name) => `tests/${name}`),
  outdir: "build/tests",
  outbase: "tests",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  plugins: [shipped],
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: true,
  define: { ROOT: JSON.stringify(process.cwd()) },
});

const files = names.map((name) => `build/tests/${name.replace(/\.ts$/, ".mjs")}`);
const options = [
  "--experimental-websocket",
  "--enable-source-maps",
  "--no-warnings",
  "--test",
  // Node.js 20 may go on for ever when it should end, with the WebSocket that it has behind the flag above.
  "--test-force-exit",
  "--test-reporter=spec",
];
const { status } = spawnSync(process.execPath, [...options, ...files], { stdio: "inherit" });
process.exitCode = status ?? 1;
