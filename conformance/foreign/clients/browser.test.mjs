// Chromium's own `EventSource` and `WebSocket`, in a page served over loopback.

import assert from "node:assert/strict"
import { createServer } from "node:http"
import { after, before } from "node:test"
import { Browser } from "../chromium.mjs"
import { createStream, eventually, publish, range, serverTest } from "../server.mjs"

const PATIENCE_MS = 30_000

/** The page: an EventSource, and what it received. It is of another origin than the server, as pages mostly are. */
const PAGE = `<!doctype html><title>EventSource</title><script>
  const received = [], offsets = []
  let opened = 0, failed = 0
  const source = new EventSource(new URLSearchParams(location.search).get("url"))
  source.onopen = () => { opened += 1 }
  source.onerror = () => { failed += 1 }
  source.addEventListener("data", (event) => {
    received.push(...JSON.parse(event.data))
    offsets.push(event.lastEventId)
  })
</script>`

let browser
let site

before(async () => {
  browser = await Browser.launch()
  site = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end(PAGE))
  await new Promise((listening) => site.listen(0, "127.0.0.1", listening))
})

after(async () => {
  await browser?.close()
  site?.close()
})

async function open(url) {
  const page = await browser.context.newPage()
  await page.goto(`http://127.0.0.1:${site.address().port}/?url=${encodeURIComponent(url)}`)
  return {
    state: () =>
      page.evaluate(() => ({ received, offsets, opened, failed, readyState: source.readyState })),
    close: () => page.close(),
  }
}

serverTest("an EventSource resumes after the server was killed, and misses and repeats nothing", async (server) => {
  await createStream(server, "a")
  const page = await open(`${server.stream("a")}?offset=-1&live=sse`)
  await eventually("it is open", PATIENCE_MS, async () => (await page.state()).opened === 1)
  for (const round of range(0, 3)) {
    for (const n of range(round * 100, round * 100 + 100)) {
      await publish(server, "a", n)
      if (n % 100 === 50) {
        await server.kill9()
        await server.restart()
      }
    }
  }
  const all = range(0, 300)
  await eventually("everything has come", PATIENCE_MS, async () => (await page.state()).received.length >= all.length)
  const { received, offsets, opened } = await page.state()
  assert.deepEqual(received, all)
  assert.deepEqual(offsets, [...new Set(offsets)].sort())
  assert.ok(opened >= 2, `it was opened ${opened} times`)
  await page.close()
})

serverTest("an EventSource stops at the end of a closed stream", async (server) => {
  await createStream(server, "a")
  await publish(server, "a", [1, 2])
  const page = await open(`${server.stream("a")}?offset=-1&live=sse`)
  await eventually("the first messages", PATIENCE_MS, async () => (await page.state()).received.length === 2)
  const headers = { "Content-Type": "application/json", "Stream-Closed": "true" }
  await fetch(server.stream("a"), { method: "POST", headers, body: "3" })
  const CLOSED = 2
  await eventually("it has stopped", PATIENCE_MS, async () => (await page.state()).readyState === CLOSED)
  assert.deepEqual((await page.state()).received, [1, 2, 3])
  await page.close()
})

serverTest("a browser's WebSocket publishes and follows compressed", async (server) => {
  await createStream(server, "a")
  const page = await browser.context.newPage()
  await page.goto(`http://127.0.0.1:${site.address().port}/?url=about:blank`)
  const words = "again and again ".repeat(2_000)
  const outcome = page.evaluate(async ([url, words]) => {
    const socket = new WebSocket(url, "tidings.v1")
    const received = []
    await new Promise((done, broken) => {
      socket.onclose = (event) => broken(new Error(`closed with ${event.code}`))
      socket.onopen = () => {
        for (let n = 0; n < 20; n += 1) {
          socket.send(JSON.stringify({ type: "publish", id: String(n), stream: "a", data: { n, words } }))
        }
      }
      socket.onmessage = (event) => {
        const frame = JSON.parse(event.data)
        if (frame.type === "message") received.push(frame.data)
        if (received.length === 20) done()
      }
    })
    const whole = received.every((data, n) => data.n === n && data.words === words)
    return { extensions: socket.extensions, whole }
  }, [`ws://127.0.0.1:${server.port}/v1/stream/a?offset=-1`, words])
  const { extensions, whole } = await outcome
  assert.ok(extensions.startsWith("permessage-deflate"), extensions)
  assert.ok(whole)
  await page.close()
})
