// Writes `tidings.js`, the client that the pages load: what `npm run build` made in `clients/typescript`. With `--check` it only says whether
// the file is stale.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const BUILT = new URL("../clients/typescript/dist/index.js", import.meta.url);
const FILE = new URL("tidings.js", import.meta.url);
const HEAD = "// Generated from `clients/typescript` by `examples/bundle.mjs`: change it there, not here.\n";

const built = await readFile(BUILT, "utf8").catch(() => {
  console.error(`there is no ${fileURLToPath(BUILT)}: run \`npm ci\` and \`npm run build\` in clients/typescript`);
  process.exit(1);
});
const fresh = HEAD + built;
if (!process.argv.includes("--check")) {
  await writeFile(FILE, fresh);
} else if ((await readFile(FILE, "utf8").catch(() => "")) !== fresh) {
  console.error("examples/tidings.js is stale: run `npm run build` in clients/typescript, then `node examples/bundle.mjs`");
  process.exit(1);
}
