/** The real server: the built binary in a process of its own, with a data folder of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { closeClients } from "./client.ts";

declare const ROOT: string;

// The server takes what begins with `TIDINGS_` for settings, so it must not see this one.
const { TIDINGS_BIN, ...ENVIRONMENT } = process.env;
const BINARY = TIDINGS_BIN ?? join(ROOT, "../../target/debug/tidings");
// Small files of the log make a start quick.
const FLAGS = ["--segment-bytes", "17MiB"];
const READY_MS_MAX = 30_000;
/** Only a test that hangs takes so long: a busy machine may take several times what a quiet one does. */
const TEST_MS_MAX = 120_000;

/** A running `tidings serve`. It keeps its port and its data over `restart`. */
export class Server {
  private child: ChildProcess | undefined;
  printed = "";

  private constructor(
    private readonly data: string,
    readonly port: number,
    private readonly flags: string[],
  ) {}

  static async start(flags: string[] = []): Promise<Server> {
    const data = await mkdtemp(join(tmpdir(), "tidings-typescript-"));
    for (let tries = 0; ; tries += 1) {
      const server = new Server(data, await freePort(), flags);
      try {
        await server.launch();
        return server;
      } catch (error) {
        if (!String(error).includes("in use") || tries == 8) throw error;
      }
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** It has no chance to do anything. */
  async kill9(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** It tells everybody, and ends. */
  async askToEnd(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }

  async restart(): Promise<void> {
    await this.kill9();
    await this.launch();
  }

  async stop(): Promise<void> {
    await this.kill9();
    await rm(this.data, { recursive: true, force: true });
  }

  async create(name: string, headers: Record<string, string> = {}): Promise<void> {
    await this.ask("PUT", name, undefined, { "Content-Type": "application/json", ...headers });
  }

  async delete(name: string): Promise<void> {
    await this.ask("DELETE", name);
  }

  /** Publishes one JSON value; the offset after it. */
  async publish(name: string, value: unknown): Promise<string> {
    const response = await this.ask("POST", name, JSON.stringify([value]), {
      "Content-Type": "application/json",
    });
    return response.headers.get("Stream-Next-Offset")!;
  }

  /** The values that are stored. */
  async stored(name: string): Promise<unknown[]> {
    const response = await this.ask("GET", name);
    return (await response.json()) as unknown[];
  }

  /** How many follow now, over whatever is held. */
  async followers(name: string): Promise<Record<string, number>> {
    const response = await fetch(`${this.url}/v1/streams?prefix=${name}`);
    const { streams } = (await response.json()) as { streams: { followers: Record<string, number> }[] };
    return streams[0]!.followers;
  }

  private async ask(
    method: string,
    name: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const response = await fetch(`${this.url}/v1/stream/${name}`, { method, headers, body: body ?? null });
    if (!response.ok) throw new Error(`${method} ${name}: ${response.status} ${await response.text()}`);
    return response;
  }

  private async launch(): Promise<void> {
    const flags = ["--data", this.data, "--listen", `127.0.0.1:${this.port}`, ...FLAGS, ...this.flags];
    const child = spawn(BINARY, ["serve", ...flags], { env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    let failed: Error | undefined;
    child.on("error", (error) => (failed = error));
    for (const pipe of [child.stdout, child.stderr])
      pipe.setEncoding("utf8").on("data", (text: string) => (this.printed += text));
    await eventually(
      "the server is ready",
      async () => {
        if (failed) throw failed;
        if (child.exitCode !== null) throw new Error(`the server ended and printed:\n${this.printed}`);
        const answer = await fetch(`${this.url}/health/ready`).catch(() => undefined);
        return answer?.ok;
      },
      READY_MS_MAX,
    );
  }
}

/** A test with a server of its own; when it fails, what the server printed is shown. */
export function serverTest(
  claim: string,
  run: (server: Server, t: TestContext) => Promise<void>,
  flags: string[] = [],
): void {
  test(claim, { timeout: TEST_MS_MAX }, async (t) => {
    const server = await Server.start(flags);
    try {
      await run(server, t);
    } catch (error) {
      t.diagnostic(`the server printed:\n${server.printed}`);
      throw error;
    } finally {
      closeClients();
      await server.stop();
    }
  });
}

/** Asks again until `ready` gives something that counts as true. */
export async function eventually<T>(
  what: string,
  ready: () => T | Promise<T>,
  millisecondsMax = 20_000,
): Promise<T> {
  const end = performance.now() + millisecondsMax;
  for (;;) {
    const found = await ready();
    if (found) return found;
    if (end < performance.now()) throw new Error(`not within ${millisecondsMax} ms: ${what}`);
    await sleep(10);
  }
}

/**
 * A port below those that the system gives to outgoing connections: a server that is started again needs the same one, and a
 * client that knocks on it meanwhile must not get it for itself.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const listener = createServer();
    const isFree = await new Promise<boolean>((settle) => {
      listener.once("error", () => settle(false));
      listener.listen(port, "127.0.0.1", () => listener.close(() => settle(true)));
    });
    if (isFree) return port;
  }
}
