/** The package as it is published: packed, installed in an empty folder, and used from there. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { Server } from "../support/server.ts";

declare const ROOT: string;

const RUN_MS_MAX = 60_000;
const run = promisify(execFile);
const runtime = (path: string) => join(ROOT, "runtimes/node_modules", path);
const DENO = runtime("@deno/linux-x64-glibc/deno");
const BUN = runtime("@oven/bun-linux-x64/bin/bun");
const EXPECTED = { seen: ["one", "two"], refused: "stream_not_found", inMemory: 1 };

let folder: string;
let server: Server;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidings-installed-"));
  server = await Server.start();
  // `dist` is what was built before the tests.
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: ROOT,
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  await run(
    "npm",
    ["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", join(folder, filename)],
    { cwd: folder },
  );
  await copyFile(join(ROOT, "tests/package/program.mjs"), join(folder, "program.mjs"));
});

after(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What the program says when it is run so. */
async function say(command: string, ...args: string[]): Promise<unknown> {
  const env = { ...process.env, NODE_OPTIONS: "", DENO_DIR: join(folder, "deno"), DENO_NO_UPDATE_CHECK: "1" };
  const { stdout } = await run(command, [...args, server.url], { cwd: folder, env, timeout: RUN_MS_MAX });
  return JSON.parse(stdout);
}

test("it brings nothing but what it exports, and depends on nothing", async () => {
  const installed = JSON.parse(await readFile(join(folder, "node_modules/tidings/package.json"), "utf8")) as {
    dependencies?: object;
    exports: Record<string, Record<string, string>>;
  };
  assert.equal(installed.dependencies, undefined);
  const files = Object.values(installed.exports).flatMap((entry) => Object.values(entry));
  for (const file of files) assert.ok(existsSync(join(folder, "node_modules/tidings", file)), file);
  const lock = JSON.parse(await readFile(join(folder, "package-lock.json"), "utf8")) as { packages: object };
  assert.deepEqual(Object.keys(lock.packages), ["", "node_modules/tidings"]);
});

test("it is no larger than its page says", async () => {
  const page = await readFile(join(folder, "node_modules/tidings/README.md"), "utf8");
  const [, said] = /^\| \*\*tidings\*\* \| \*\*([\d.]+)\*\* \|$/m.exec(page) ?? [];
  const { length } = gzipSync(await readFile(join(folder, "node_modules/tidings/dist/index.js")), {
    level: 9,
  });
  assert.ok(length / 1024 <= Number(said), `${length} bytes; the page says ${said} KB`);
});

test("Node.js, without a WebSocket of its own before version 22", async () => {
  const transport = Number(process.versions.node.split(".")[0]) < 22 ? "sse" : "websocket";
  assert.deepEqual(await say(process.execPath, "program.mjs"), { ...EXPECTED, transport });
});

test("a bundler leaves out what is not used", async () => {
  await build({
    absWorkingDir: folder,
    entryPoints: ["program.mjs"],
    bundle: true,
    format: "esm",
    outfile: "bundled.mjs",
  });
  const said = (await say(process.execPath, "bundled.mjs")) as { seen: string[] };
  assert.deepEqual(said.seen, EXPECTED.seen);
  await writeFile(
    join(folder, "unused.mjs"),
    'import { connect } from "tidings"; import { mount } from "tidings/devtools"; console.log(1);',
  );
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: ["unused.mjs"],
    bundle: true,
    format: "esm",
    minify: true,
    write: false,
  });
  assert.equal(outputFiles[0]?.text.trim(), "console.log(1);");
});

test("the compiler of a user finds the types", async () => {
  await writeFile(
    join(folder, "typed.ts"),
    `import { connect, type Message } from "tidings";
     import { createServer } from "tidings/testing";
     const message: Promise<IteratorResult<Message<number>>> = connect("http://a").stream<number>("b").messages().next();
     // @ts-expect-error a number is no string
     const wrong: Promise<IteratorResult<Message<string>>> = connect("http://a").stream<number>("b").messages().next();
     export { createServer, message, wrong };`,
  );
  const options = [
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--lib",
    "es2023,dom",
    "--types",
    "",
  ];
  const { stdout } = await run(join(ROOT, "node_modules/.bin/tsc"), [...options, "typed.ts"], {
    cwd: folder,
  }).catch((error: { stdout: string }) => error);
  assert.ok(stdout === "", stdout);
});

test("Deno", { skip: !existsSync(DENO) && "npm ci in runtimes/" }, async () => {
  assert.deepEqual(await say(DENO, "run", "--allow-net", "--node-modules-dir=manual", "program.mjs"), {
    ...EXPECTED,
    transport: "websocket",
  });
});

test("Bun", { skip: !existsSync(BUN) && "npm ci in runtimes/" }, async () => {
  assert.deepEqual(await say(BUN, "run", "program.mjs"), { ...EXPECTED, transport: "websocket" });
});
