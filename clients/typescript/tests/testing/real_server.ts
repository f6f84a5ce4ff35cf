/** The real server in a process of its own: the binary that `TIDINGS_BIN` names, with a folder and a port of its own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

declare const ROOT: string;

// The server takes what begins with `TIDINGS_` for settings, so it must not see this one.
const { TIDINGS_BIN, ...ENVIRONMENT } = process.env;
const BINARY = TIDINGS_BIN ?? resolve(ROOT, "../../target/debug/tidings");
const READY_MS_MAX = 30_000;

/** Runs a server for as long as `use` takes. */
export async function withRealServer(use: (url: string) => Promise<void>): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), "tidings-client-"));
  const port = await freePort();
  const flags = ["--data", data, "--listen", `127.0.0.1:${port}`, "--segment-bytes", "17MiB"];
  const child = spawn(BINARY, ["serve", ...flags], { env: ENVIRONMENT, stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "exit");
  try {
    const url = `http://127.0.0.1:${port}`;
    const isReady = () => fetch(`${url}/health/ready`).then((answer) => answer.ok, () => false);
    for (const end = performance.now() + READY_MS_MAX; !(await isReady()); await sleep(20)) {
      if (child.exitCode !== null || end < performance.now()) throw new Error("the server did not become ready");
    }
    await use(url);
  } finally {
    child.kill("SIGKILL");
    await ended;
    await rm(data, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  await new Promise((closed) => listener.close(closed));
  return port;
}
