// `curl`, as a person uses it.

import assert from "node:assert/strict"
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { promisify } from "node:util"
import { createStream, eventually, publish, range, serverTest } from "../server.mjs"

const PATIENCE_MS = 20_000
const run = promisify(execFile)

/** Runs curl; status, HTTP version, headers and body of its last answer. */
async function curl(...args) {
  const { stdout } = await run("curl", ["--silent", "--show-error", "--include", "--max-time", "20", ...args])
  const end = stdout.lastIndexOf("\r\n\r\n", stdout.length)
  const [statusLine, ...lines] = stdout.slice(0, end).split("\r\n")
  const [version, status] = statusLine.split(" ")
  const headers = new Map(lines.map((line) => line.split(/: ?(.*)/s)).map(([name, value]) => [name.toLowerCase(), value]))
  return { version, status: Number(status), headers, body: stdout.slice(end + 4) }
}

const json = ["-H", "Content-Type: application/json"]

serverTest("it publishes and polls", async (server) => {
  const url = server.stream("orders/42")
  assert.equal((await curl("-X", "PUT", ...json, url)).status, 201)
  const published = await curl("-d", '{"n":1}', ...json, url)
  assert.equal(published.status, 204)
  const page = await curl(url)
  assert.equal(page.status, 200)
  assert.equal(page.body, '[{"n":1}]')
  assert.equal(page.headers.get("stream-next-offset"), published.headers.get("stream-next-offset"))
  assert.equal(page.headers.get("stream-up-to-date"), "true")
})

serverTest("a poll with the ETag of the last one is 304 until there is news", async (server) => {
  await createStream(server, "a")
  const offset = await publish(server, "a", 1)
  const url = `${server.stream("a")}?offset=${offset}`
  const etag = (await curl(url)).headers.get("etag")
  for (const value of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const same = await curl("-H", `If-None-Match: ${value}`, url)
    assert.equal(same.status, 304, value)
    assert.equal(same.body, "")
    assert.equal(same.headers.get("etag"), etag)
    assert.equal(same.headers.get("stream-next-offset"), offset)
  }
  await publish(server, "a", 2)
  const news = await curl("-H", `If-None-Match: ${etag}`, url)
  assert.equal(news.status, 200)
  assert.equal(news.body, "[2]")
})

serverTest("a long poll is held until there is news", async (server) => {
  await createStream(server, "a")
  const waiting = curl(`${server.stream("a")}?offset=now&live=long-poll&timeout=20`)
  await eventually("it waits", PATIENCE_MS, async () => {
    const list = await (await fetch(`${server.url}/v1/streams?prefix=a`)).json()
    return list.streams[0].followers["long-poll"] === 1
  })
  await publish(server, "a", "news")
  const answer = await waiting
  assert.equal(answer.status, 200)
  assert.equal(answer.body, '["news"]')
})

serverTest("a long poll without news ends with 204", async (server) => {
  await createStream(server, "a")
  const answer = await curl(`${server.stream("a")}?offset=now&live=long-poll&timeout=0.1`)
  assert.equal(answer.status, 204)
  assert.equal(answer.headers.get("stream-up-to-date"), "true")
})

serverTest("curl -N shows each message as it comes", async (server) => {
  await createStream(server, "a")
  const child = spawn("curl", ["--silent", "-N", `${server.stream("a")}?offset=-1&live=sse`])
  let text = ""
  child.stdout.setEncoding("utf8").on("data", (part) => (text += part))
  for (const n of range(0, 3)) {
    await eventually(`the control before ${n}`, PATIENCE_MS, () => text.includes('"upToDate":true'))
    text = ""
    const offset = await publish(server, "a", { n })
    await eventually(`message ${n}`, PATIENCE_MS, () => text.includes(`data:[{"n":${n}}]`))
    assert.ok(text.includes(`id: ${offset}\nevent: data\n`), text)
  }
  const ended = once(child, "exit")
  child.kill()
  await ended
})

for (const plain of [["--http1.0"], ["-H", "Connection: close"]]) {
  serverTest(`${plain.join(" ")}: polls and long polls work, and close`, async (server) => {
    await createStream(server, "a")
    const offset = await publish(server, "a", 1)
    const url = server.stream("a")
    const page = await curl(...plain, url)
    assert.equal(page.body, "[1]")
    assert.notEqual(page.headers.get("connection")?.toLowerCase(), "keep-alive")
    const nothing = await curl(...plain, `${url}?offset=${offset}&live=long-poll&timeout=0.1`)
    assert.equal(nothing.status, 204)
    const waiting = curl(...plain, `${url}?offset=${offset}&live=long-poll&timeout=20`)
    await publish(server, "a", 2)
    assert.equal((await waiting).body, "[2]")
  })
}

serverTest("HTTP/2 with prior knowledge: publish, poll, long poll and SSE", async (server) => {
  const url = server.stream("a")
  const two = ["--http2-prior-knowledge"]
  assert.equal((await curl(...two, "-X", "PUT", ...json, url)).status, 201)
  const published = await curl(...two, "-d", "[1,2]", ...json, url)
  assert.equal(published.version, "HTTP/2")
  assert.equal(published.status, 204)
  const offset = published.headers.get("stream-next-offset")
  assert.equal((await curl(...two, url)).body, "[1,2]")
  assert.equal((await curl(...two, `${url}?offset=${offset}&live=long-poll&timeout=0.1`)).status, 204)
  const waiting = curl(...two, `${url}?offset=${offset}&live=long-poll&timeout=20`)
  await publish(server, "a", 3)
  assert.equal((await waiting).body, "[3]")
  const child = spawn("curl", ["--silent", "-N", ...two, `${url}?offset=-1&live=sse`])
  let text = ""
  child.stdout.setEncoding("utf8").on("data", (part) => (text += part))
  await publish(server, "a", 4)
  await eventually("the last message", PATIENCE_MS, () => /data:\[(.*,)?4\]/.test(text))
  const ended = once(child, "exit")
  child.kill()
  await ended
})

serverTest("curl -d alone is told what to do", async (server) => {
  const answer = await curl("-d", "x", `${server.stream("new")}?create=true`)
  assert.equal(answer.status, 415)
  assert.equal(answer.headers.get("content-type"), "application/problem+json")
  assert.match(answer.body, /Content-Type/)
})
