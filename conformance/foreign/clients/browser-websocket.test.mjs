// Chromium's own `WebSocket`: 20 streams and publishes over one, by HTTP/1.1 and by HTTP/2 (RFC 8441).

import assert from "node:assert/strict"
import { after, before } from "node:test"
import { Browser } from "../chromium.mjs"
import { COMPRESSION } from "../compression.mjs"
import { Front } from "../front.mjs"
import { createStream, eventually, publish, range, serverTest } from "../server.mjs"

const PATIENCE_MS = 30_000
const NAMES = range(0, 20).map((index) => `stream-${index}`)
const STORED_BEFORE = 5
const PUBLISHED = 30
// Long enough that compression, where it is, is worth its while.
const FILLER = "tidings ".repeat(64)

let browser

before(async () => {
  browser = await Browser.launch({ ignoreHTTPSErrors: true })
})

after(async () => {
  await browser?.close()
})

/** A page of the front's own origin, so that its WebSocket may share the connection on which the page came. */
async function open(front) {
  const page = await browser.context.newPage()
  const answer = await page.goto(`${front.origin}/health/live`)
  assert.equal(answer.status(), 200)
  return page
}

/** In the page: opens the WebSocket and keeps what comes. */
function follow(names) {
  const state = { frames: [], closed: undefined }
  const url = new URL("/v1/ws", location.href)
  url.protocol = url.protocol.replace("http", "ws")
  const socket = new WebSocket(url, "tidings.v1")
  globalThis.tidings = { state, socket }
  socket.onmessage = (event) => state.frames.push(JSON.parse(event.data))
  socket.onclose = (event) => (state.closed = { code: event.code, clean: event.wasClean })
  socket.onopen = () => {
    for (const stream of names) socket.send(JSON.stringify({ type: "subscribe", stream, offset: "-1" }))
  }
}

/** In the page: publishes to every stream in turn. */
function publishAll({ names, first, count, filler }) {
  for (let n = first; n < first + count; n += 1) {
    for (const stream of names) {
      const data = { n, filler, stream }
      globalThis.tidings.socket.send(JSON.stringify({ type: "publish", id: `${stream}/${n}`, stream, data }))
    }
  }
}

/** Waits until the page says that it is so. */
async function waitFor(page, what, isSo, argument) {
  await eventually(what, PATIENCE_MS, () => page.evaluate(isSo, argument))
}

const framesOf = (type) => [(type) => globalThis.tidings.state.frames.filter((frame) => frame.type === type), type]
const hasFrames = ({ type, count }) =>
  globalThis.tidings.state.frames.filter((frame) => frame.type === type).length >= count
const isClosed = () => globalThis.tidings.state.closed !== undefined

/** Every message of each stream exactly once and in order, and every publish acknowledged with the offset of its message. */
async function checkFrames(page) {
  const messages = await page.evaluate(...framesOf("message"))
  for (const name of NAMES) {
    const numbers = messages.filter((frame) => frame.stream === name).map((frame) => frame.data.n)
    assert.deepEqual(numbers, range(0, STORED_BEFORE + PUBLISHED), name)
  }
  const published = await page.evaluate(...framesOf("published"))
  assert.equal(published.length, NAMES.length * PUBLISHED)
  const offsets = new Map(messages.map((frame) => [`${frame.stream}/${frame.data.n}`, frame.offset]))
  for (const { id, offset, duplicate } of published) {
    assert.deepEqual({ offset, duplicate }, { offset: offsets.get(id), duplicate: false }, id)
  }
  assert.deepEqual(await page.evaluate(...framesOf("error")), [])
}

async function followAndPublish(server, front, negotiated) {
  for (const name of NAMES) {
    await createStream(server, name)
    await publish(server, name, range(0, STORED_BEFORE).map((n) => ({ n, filler: FILLER, stream: name })))
  }
  const page = await open(front)
  await page.evaluate(follow, NAMES)
  await waitFor(page, "every stream is live", hasFrames, { type: "live", count: NAMES.length })
  const { protocol, extensions } = await page.evaluate(() => ({
    protocol: globalThis.tidings.socket.protocol,
    extensions: globalThis.tidings.socket.extensions,
  }))
  assert.equal(protocol, "tidings.v1")
  assert.equal(extensions.split(";")[0], negotiated)
  await page.evaluate(publishAll, { names: NAMES, first: STORED_BEFORE, count: PUBLISHED, filler: FILLER })
  const total = NAMES.length * PUBLISHED
  await waitFor(page, "all are acknowledged", hasFrames, { type: "published", count: total })
  const count = NAMES.length * (STORED_BEFORE + PUBLISHED)
  await waitFor(page, "all have come back", hasFrames, { type: "message", count })
  await checkFrames(page)
  return page
}

/** The page closes its WebSocket; another of its own is closed by the server, which is asked to end. */
async function closeFromBothSides(server, page) {
  await page.evaluate(() => globalThis.tidings.socket.close(1000, "enough"))
  await waitFor(page, "the page's close is answered", isClosed)
  assert.deepEqual(await page.evaluate(() => globalThis.tidings.state.closed), { code: 1000, clean: true })
  await page.evaluate(follow, NAMES.slice(0, 1))
  await waitFor(page, "it is live again", hasFrames, { type: "live", count: 1 })
  server.askToEnd()
  await waitFor(page, "the server closes", isClosed)
  assert.deepEqual(await page.evaluate(() => globalThis.tidings.state.closed), { code: 1001, clean: true })
  assert.equal((await page.evaluate(...framesOf("drain"))).length, 1)
  await page.close()
}

for (const { name, flags, negotiated } of COMPRESSION) {
  serverTest(
    `20 streams and publishes over one WebSocket of HTTP/2, ${name}`,
    async (server) => {
      const front = await Front.tls(server.port)
      try {
        const page = await followAndPublish(server, front, negotiated)
        // One connection brought the page and carries the WebSocket; there is no other.
        assert.equal(front.http2.length, 1, front.beginnings.join())
        assert.equal(front.beginnings.length, 1, front.beginnings.join())
        await closeFromBothSides(server, page)
        assert.equal(front.beginnings.length, 1, front.beginnings.join())
      } finally {
        await front.close()
      }
    },
    { flags },
  )

  serverTest(
    `20 streams and publishes over one WebSocket of HTTP/1.1, ${name}`,
    async (server) => {
      const front = await Front.plain(server.port)
      try {
        const page = await followAndPublish(server, front, negotiated)
        assert.equal(front.http2.length, 0)
        assert.equal(front.upgrades.length, 1, front.beginnings.join())
        await closeFromBothSides(server, page)
        assert.equal(front.upgrades.length, 2, front.beginnings.join())
      } finally {
        await front.close()
      }
    },
    { flags },
  )
}
