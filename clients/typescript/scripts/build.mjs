// Builds the package: `dist/*.js`, minified, with private properties (those that end in `_`) renamed, and `dist/*.d.ts`.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { entries } from "./entries.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");

await bundle();

for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(`../../${licence}`, `dist/${licence}`);

execFileSync("node_modules/.bin/tsc", ["--project", "tsconfig.types.json"], { stdio: "inherit" });
const copied = new Set();
for (const { name } of entries) copyTypes(name);

/** Copies a declaration, and those that it imports. */
function copyTypes(name) {
  if (copied.has(name)) return;
  copied.add(name);
  mkdirSync(`dist/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
  copyFileSync(`build/types/${name}.d.ts`, `dist/${name}.d.ts`);
  const text = readFileSync(`dist/${name}.d.ts`, "utf8");
  for (const [, path] of text.matchAll(/(?:from |import\()"(\.[^"]+?)(?:\.js|\.ts)"/g)) copyTypes(join(dirname(name), path));
  writeFileSync(`dist/${name}.d.ts`, text.replaceAll(/((?:from |import\()"\.[^"]*)\.ts"/g, '$1.js"'));
}
