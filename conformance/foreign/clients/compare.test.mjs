// `tidings compare` at servers of others: what it speaks is theirs, and every message that they pass on is counted.

import { DurableStreamTestServer } from "@durable-streams/server"
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { resolve } from "node:path"
import { describe, test } from "node:test"
import { WebSocket, WebSocketServer } from "ws"

const { TIDINGS_BIN, ...ENVIRONMENT } = process.env
const BINARY = TIDINGS_BIN ?? resolve(import.meta.dirname, "../../../target/debug/tidings")
const WORKLOAD = ["--followers", "20", "--messages", "20/s", "--duration", "1s", "--poll-every", "300ms", "--quick"]

/** Runs a short comparison; its findings. */
async function compare(...flags) {
  const child = spawn(BINARY, ["compare", ...WORKLOAD, "--json", ...flags], { env: ENVIRONMENT })
  let [out, errors] = ["", ""]
  child.stdout.setEncoding("utf8").on("data", (text) => (out += text))
  child.stderr.setEncoding("utf8").on("data", (text) => (errors += text))
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`tidings compare ended with ${code}: ${errors}${out}`)
  return JSON.parse(out)
}

/** Each way brought every message once, in order; of the server nothing is known. */
function assertWhole(findings, speaks, ways) {
  assert.equal(findings.server.speaks, speaks)
  assert.equal(findings.server.is_measured, false)
  assert.deepEqual(findings.runs.map((run) => run.way.way), ways)
  for (const run of findings.runs) {
    const { delivered, expected, lost, repeated, reordered, server } = run
    const found = { delivered, lost, repeated, reordered, server }
    assert.deepEqual(found, { delivered: expected, lost: 0, repeated: 0, reordered: 0, server: null }, run.way.way)
    assert.ok(200 <= expected, `${expected} deliveries`)
  }
}

/** A listening server's port, and its end with the test. */
async function listen(t, server) {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.closeAllConnections?.()
    server.close()
  })
  return server.address().port
}

// Beside one another: each mostly waits.
describe("servers of others, compared", { concurrency: true }, () => {
  test("the server of Durable Streams is found out, followed and left as it was", { timeout: 60_000 }, async (t) => {
    const server = new DurableStreamTestServer({ host: "127.0.0.1", port: 0 })
    const url = await server.start()
    t.after(() => server.stop())
    const findings = await compare("--url", url, "--transports", "sse,long-poll,poll")
    assertWhole(findings, "durable-streams", ["sse", "long-poll", "poll"])
  })

  test("a plain WebSocket server that sends to everybody is followed", { timeout: 60_000 }, async (t) => {
    const http = createServer()
    const sockets = new WebSocketServer({ server: http })
    sockets.on("connection", (socket) => {
      socket.on("message", (message) => {
        for (const other of sockets.clients) {
          if (other.readyState === WebSocket.OPEN) other.send(message, { binary: false })
        }
      })
    })
    const findings = await compare("--url", `ws://127.0.0.1:${await listen(t, http)}/updates`)
    assertWhole(findings, "websocket", ["websocket"])
  })

  test("plain events are followed, and what is posted comes as one", { timeout: 60_000 }, async (t) => {
    const followers = new Set()
    const server = createServer(async (request, response) => {
      if (request.method === "GET" && request.headers.authorization === "Bearer 7") {
        response.writeHead(200, { "Content-Type": "text/event-stream" }).write(": hello\n\n")
        followers.add(response)
        request.on("close", () => followers.delete(response))
        return
      }
      let body = ""
      for await (const part of request.setEncoding("utf8")) body += part
      for (const follower of followers) follower.write(`data: ${body}\n\n`)
      response.writeHead(request.headers.authorization === "Bearer 7" ? 204 : 401).end()
    })
    const url = `http://127.0.0.1:${await listen(t, server)}`
    const flags = ["--url", `${url}/events`, "--publish-url", `${url}/publish`, "--header", "Authorization: Bearer 7"]
    assertWhole(await compare(...flags), "sse", ["sse"])
  })

  test("a server of something else is refused with what to do", { timeout: 60_000 }, async (t) => {
    const server = createServer((_request, response) => response.writeHead(404).end("not here"))
    const url = `http://127.0.0.1:${await listen(t, server)}`
    await assert.rejects(compare("--url", url), /--speaks/)
  })
})
