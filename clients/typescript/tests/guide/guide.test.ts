import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { transformSync } from "esbuild";
import { Server } from "../support/server.ts";
import { blocks } from "./blocks.ts";
import type { Block } from "./blocks.ts";

declare const ROOT: string;

// Inside the package, so that `tidings` is the package as it was built, as its users get it.
const FOLDER = join(ROOT, "build/guide");
const ADDRESS = "http://127.0.0.1:4437";
const RUN_MS_MAX = 60_000;
const run = promisify(execFile);

const all = blocks();
const isCode = ({ language }: Block) => language === "ts" || language === "tsx";

test(
  "every block of the guide and of the README is checked by the compiler",
  { timeout: 120_000 },
  async () => {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { recursive: true });
    const checked = all.filter(isCode);
    assert.ok(checked.length > 15, "the pages have blocks");
    // A block without imports would be a script, and share its names with all others.
    for (const { name, language, code } of checked)
      writeFileSync(join(FOLDER, `${name}.${language}`), `${code}\nexport {};\n`);
    writeFileSync(
      join(FOLDER, "tsconfig.json"),
      JSON.stringify({
        extends: "../../tsconfig.json",
        compilerOptions: { jsx: "react-jsx" },
        include: ["*.ts", "*.tsx"],
      }),
    );
    const { stdout } = await run(join(ROOT, "node_modules/.bin/tsc"), ["--project", FOLDER]).catch(
      (error: { stdout: string }) => error,
    );
    assert.ok(stdout === "", stdout);
  },
);

test(
  "the programs of the guide do against a real server what the pages say",
  { timeout: 300_000 },
  async (t) => {
    const server = await Server.start();
    try {
      for (const block of all.filter(({ runs }) => runs))
        await t.test(block.name, () => runBlock(block, server.url));
    } finally {
      await server.stop();
    }
  },
);

async function runBlock({ name, language, code, prints }: Block, url: string): Promise<void> {
  const here = code.replaceAll(ADDRESS, url);
  const program = join(FOLDER, `${name}.mjs`);
  if (language === "ts") writeFileSync(program, transformSync(here, { loader: "ts" }).code);
  const [command, ...args] = language === "ts" ? [process.execPath, program] : ["sh", "-ec", here];
  const { stdout, stderr } = await run(command as string, args, { timeout: RUN_MS_MAX });
  if (language === "ts") assert.equal(stderr, "");
  if (prints !== undefined) assert.equal(stdout, prints);
}
