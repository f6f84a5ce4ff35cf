// The plain clients, run as they stand: in Node.js, in a shell, in a page. Whatever they run in, `messages` are what a client gave, in its
// order, and `resets` what it said of messages that are missing.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { environmentOf } from "../../conformance/foreign/python.mjs";
import { PATIENCE, eventually } from "./site.mjs";

export const WAYS = ["poll", "long-poll", "sse", "websocket"];

const PLAIN = join(import.meta.dirname, "../plain");
const RESET = /^reset \((\w+)\)/gm;

/** What processes get from us: a path with `websocat` in it. */
export async function environment() {
  const { TIDINGS_BIN: _ofTheServer, ...others } = process.env;
  const isInstalled = await promisify(execFile)("websocat", ["--version"]).then(() => true, () => false);
  if (isInstalled) return others;
  return { ...others, PATH: `${await environmentOf(import.meta.dirname)}:${others.PATH}` };
}

/** A client in a process of its own. */
export class ProcessFollower {
  #child;
  #printed = "";
  #complained = "";

  constructor(name, program, words, env) {
    this.name = name;
    // A group of its own, as a terminal would give it: Ctrl-C goes to all of its processes.
    this.#child = spawn(program, words, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout.setEncoding("utf8").on("data", (text) => (this.#printed += text));
    this.#child.stderr.setEncoding("utf8").on("data", (text) => (this.#complained += text));
  }

  static inNode(way, url, offset, env) {
    // Node.js has a WebSocket by itself from version 22 on.
    const flags = ["--experimental-websocket", "--no-warnings"];
    return new ProcessFollower(`${way}.js in Node.js`, process.execPath, [...flags, join(PLAIN, "print.js"), way, url, offset], env);
  }

  static inShell(way, url, offset, env) {
    return new ProcessFollower(`${way}.sh`, join(PLAIN, `${way}.sh`), [url, offset], env);
  }

  get messages() {
    return this.#printed.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  }

  get resets() {
    return [...this.#complained.matchAll(RESET)].map(([, reason]) => reason);
  }

  /** Waits until it has ended, and all that it started. */
  async ended() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
    await eventually(`${this.name} leaves no process`, PATIENCE, async () => {
      const { stdout } = await promisify(execFile)("ps", ["-eo", "pgid=,stat="]);
      const processes = stdout.trim().split("\n").map((line) => line.trim().split(/ +/));
      return !processes.some(([group, state]) => Number(group) === this.#child.pid && !state.startsWith("Z"));
    });
  }

  /** Ctrl-C. */
  async interrupt() {
    process.kill(-this.#child.pid, "SIGINT");
    await this.ended();
  }

  /** Whatever it still has. */
  kill() {
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // All of it has ended.
    }
  }

  /** What went wrong, as far as it says. */
  get complaints() {
    return this.#complained;
  }
}

/** A client in a page. */
export class PageFollower {
  messages = [];
  resets = [];
  complaints = "";
  #page;

  /** Starts it in a page of the examples. */
  static async start(page, way, url, offset) {
    const follower = new PageFollower();
    follower.name = `${way}.js in Chromium`;
    follower.#page = page;
    await page.exposeFunction("onMessage", (message) => void follower.messages.push(message));
    await page.exposeFunction("onReset", ({ reason }) => void follower.resets.push(reason));
    await page.evaluate(
      async ([file, url, offset]) => {
        const { follow } = await import(file);
        globalThis.stop = new AbortController();
        const { onMessage, onReset, stop } = globalThis;
        globalThis.over = follow(url, { offset, onMessage, onReset, signal: stop.signal }).then(() => "over", String);
      },
      [`/examples/plain/${way}.js`, url, offset],
    );
    return follower;
  }

  /** Waits until it is over by itself. */
  async ended() {
    const said = await this.#page.evaluate(() => globalThis.over);
    if (said !== "over") throw new Error(`${this.name}: ${said}`);
  }

  /** Stops it. */
  async interrupt() {
    await this.#page.evaluate(() => globalThis.stop.abort());
    await this.ended();
  }

  kill() {}
}
