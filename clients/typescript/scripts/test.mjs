// Builds the tests and runs them: `npm test`, or `npm test -- session` for those whose name has it.

import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const choice = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const names = readdirSync("tests", { recursive: true })
  .map(String)
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => !choice.length || choice.some((part) => name.includes(part)))
  .sort();

rmSync("build/tests", { recursive: true, force: true });
await build({
  entryPoints: names.map((name) => `tests/${name}`),
  outdir: "build/tests",
  outbase: "tests",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: true,
  define: { ROOT: JSON.stringify(process.cwd()) },
});

const files = names.map((name) => `build/tests/${name.replace(/\.ts$/, ".mjs")}`);
const options = ["--experimental-websocket", "--enable-source-maps", "--no-warnings", "--test", "--test-reporter=spec"];
const { status } = spawnSync(process.execPath, [...options, ...files], { stdio: "inherit" });
process.exitCode = status ?? 1;
