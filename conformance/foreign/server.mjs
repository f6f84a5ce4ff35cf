// The server under test: the built binary in a process of its own, with a data folder of its own.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"

// The server takes what begins with `TIDINGS_` for settings, so it must not see this one.
const { TIDINGS_BIN, ...ENVIRONMENT } = process.env
const BINARY = TIDINGS_BIN ?? resolve(import.meta.dirname, "../../target/debug/tidings")
// Small files of the log make a start quick.
const SETTINGS = { "--long-poll-timeout": "500ms", "--segment-bytes": "17MiB" }
const READY_MS_MAX = 30_000
const PORTS_TRIED_MAX = 8

/** A running `tidings serve`. It keeps its port and its data over `kill9` and `restart`. */
export class Server {
  #child
  #printed = ""

  constructor(data, port, flags) {
    Object.assign(this, { data, port, flags })
  }

  static async start({ flags = [] } = {}) {
    const data = await mkdtemp(join(tmpdir(), "tidings-foreign-"))
    for (let tried = 0; tried < PORTS_TRIED_MAX; tried += 1) {
      const server = new Server(data, await freePort(), flags)
      try {
        await server.#launch()
        return server
      } catch (error) {
        // Left alone it would keep this process from ending.
        await server.stop()
        if (!String(error).includes("in use")) throw error
      }
    }
    throw new Error(`${PORTS_TRIED_MAX} ports in a row were in use`)
  }

  get url() {
    return `http://127.0.0.1:${this.port}`
  }

  /** The address of a stream whose name needs no escaping. */
  stream(name) {
    return `${this.url}/v1/stream/${name}`
  }

  get printed() {
    return this.#printed
  }

  /** It has no chance to do anything. */
  async kill9() {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
  }

  /** SIGTERM: it tells everybody, and ends. */
  askToEnd() {
    this.#child.kill("SIGTERM")
  }

  /** Starts it again after it was ended. */
  async restart() {
    await this.kill9()
    await this.#launch()
  }

  async stop() {
    await this.kill9()
    await rm(this.data, { recursive: true, force: true })
  }

  async #launch() {
    const listen = `127.0.0.1:${this.port}`
    const settings = Object.entries(SETTINGS).filter(([flag]) => !this.flags.includes(flag))
    const flags = ["--data", this.data, "--listen", listen, ...settings.flat(), ...this.flags]
    const child = spawn(BINARY, ["serve", ...flags], {
      env: ENVIRONMENT,
      stdio: ["ignore", "pipe", "pipe"],
    })
    this.#child = child
    let failed
    child.on("error", (error) => (failed = error))
    for (const pipe of [child.stdout, child.stderr]) {
      pipe.setEncoding("utf8").on("data", (text) => (this.#printed += text))
    }
    await eventually("the server is ready", READY_MS_MAX, async () => {
      if (failed) throw failed
      if (child.exitCode !== null) throw new Error(`the server ended and printed:\n${this.#printed}`)
      const answer = await fetch(`${this.url}/health/ready`).catch(() => undefined)
      return answer?.ok
    })
  }
}

/** A test with a server of its own; when it fails, what the server printed is shown. */
export function serverTest(claim, run, options = {}) {
  test(claim, { timeout: 60_000 }, async (t) => {
    const server = await Server.start(options)
    try {
      await run(server, t)
    } catch (error) {
      t.diagnostic(`the server printed:\n${server.printed}`)
      throw error
    } finally {
      await server.stop()
    }
  })
}

/** Asks again until `ready` gives something that counts as true. */
export async function eventually(what, millisecondsMax, ready) {
  const end = performance.now() + millisecondsMax
  for (;;) {
    const found = await ready()
    if (found) return found
    if (end < performance.now()) throw new Error(`not within ${millisecondsMax} ms: ${what}`)
    await sleep(10)
  }
}

/** Creates a stream of JSON messages. */
export async function createStream(server, name) {
  const headers = { "Content-Type": "application/json" }
  const answer = await fetch(server.stream(name), { method: "PUT", headers })
  if (answer.status !== 201) throw new Error(`creating ${name}: ${answer.status} ${await answer.text()}`)
}

/** Publishes one JSON body; the offset after it. */
export async function publish(server, name, value) {
  const headers = { "Content-Type": "application/json" }
  const answer = await fetch(server.stream(name), { method: "POST", headers, body: JSON.stringify(value) })
  if (answer.status !== 204) throw new Error(`publishing to ${name}: ${answer.status} ${await answer.text()}`)
  return answer.headers.get("Stream-Next-Offset")
}

/** Numbers from `start` up to but not including `end`. */
export function range(start, end) {
  return Array.from({ length: end - start }, (_, index) => start + index)
}

/**
 * A port below those that the system gives to outgoing connections: a restarted server needs the same one again, and a client that knocks
 * on it meanwhile must not get it for itself.
 */
export async function freePort() {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000)
    const listener = createServer()
    const free = await new Promise((settle) => {
      listener.once("error", () => settle(false))
      listener.listen(port, "127.0.0.1", () => listener.close(() => settle(true)))
    })
    if (free) return port
  }
}
