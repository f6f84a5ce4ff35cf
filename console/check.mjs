// Says whether `dist` is what `src` builds: builds it anew elsewhere, and compares file by file.

import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const HERE = import.meta.dirname;
const fresh = await mkdtemp(join(tmpdir(), "tidings-console-"));
try {
  const vite = join(HERE, "node_modules/vite/bin/vite.js");
  execFileSync(process.execPath, [vite, "build", "--logLevel", "error"], {
    cwd: HERE,
    env: { ...process.env, CONSOLE_OUT: fresh },
    stdio: "inherit",
  });
  const [built, kept] = await Promise.all([fresh, join(HERE, "dist")].map(read));
  const stale = [...new Set([...built.keys(), ...kept.keys()])].filter((name) => built.get(name) !== kept.get(name));
  if (0 < stale.length) {
    console.error(`console/dist is stale (${stale.join(", ")}): run \`npm ci && npm run build\` in console`);
    process.exitCode = 1;
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}

async function read(folder) {
  const names = await readdir(folder);
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "latin1")])));
}
