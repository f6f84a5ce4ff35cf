// Pages of other origins in Chromium: what they may use, and what the cookie of whoever looks at them is worth there.
//
// The strange pages are on the same host as the server, at another port: to cookies that is the same site, so nothing but the check of the
// origin stands between them and the streams of whoever looks.

import assert from "node:assert/strict"
import { createHmac } from "node:crypto"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { launchChromium } from "../chromium.mjs"
import { Server } from "../server.mjs"

const SECRET = "a secret of the tests, 32 bytes or more"
const PRIVATE = "private/ann"

let browser
let folder
let stranger

before(async () => {
  // A name of somebody else's, which was made to lead to this machine.
  browser = await launchChromium(["--host-resolver-rules=MAP *.example 127.0.0.1"])
  folder = await mkdtemp(join(tmpdir(), "tidings-origins-"))
  stranger = createServer((_request, response) => response.setHeader("content-type", "text/html").end("<p>strange"))
  stranger.listen(0, "127.0.0.1")
  await once(stranger, "listening")
})

after(async () => {
  await browser?.close()
  stranger?.close()
  await rm(folder, { recursive: true, force: true })
})

/** A token that may do everything. */
function token() {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const grants = Object.fromEntries(["read", "publish", "create", "delete"].map((right) => [right, ["**"]]))
  const claims = { sub: "ann", exp: Math.floor(Date.now() / 1000) + 600, tidings: grants }
  const message = `${part({ alg: "HS256" })}.${part(claims)}`
  return `${message}.${createHmac("sha256", SECRET).update(message).digest("base64url")}`
}

/** A server with these lines in its settings, and one private stream if it has rules. */
async function started(lines, { rules = true } = {}) {
  const name = join(folder, `${Math.random()}`)
  await writeFile(`${name}.secret`, SECRET)
  const ruled = `token_secret_file = ${JSON.stringify(`${name}.secret`)}\ntoken_cookie = "session"\n`
  await writeFile(`${name}.toml`, (rules ? ruled : "") + lines)
  const server = await Server.start({ flags: ["--config", `${name}.toml`] })
  const headers = { "content-type": "application/json", authorization: `Bearer ${token()}` }
  const created = await fetch(server.stream(PRIVATE), { method: "PUT", headers, body: "1" })
  assert.equal(created.status, 201)
  return server
}

const strangeOrigin = (host = "127.0.0.1") => `http://${host}:${stranger.address().port}`

/** A page at that address, of a browser that has the server's cookie. */
async function pageAt(url, server) {
  const context = await browser.newContext()
  await context.addCookies([{ name: "session", value: token(), url: server.url, sameSite: "Strict", httpOnly: true }])
  const page = await context.newPage()
  await page.goto(url)
  return page
}

/** In the page: what a WebSocket is told that subscribes, and how it ends. */
function subscribe({ url, stream }) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url.replace("http", "ws"), "tidings.v1")
    const timer = setTimeout(() => resolve("nothing came"), 20_000)
    const done = (what) => {
      clearTimeout(timer)
      socket.close()
      resolve(what)
    }
    socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", stream, offset: "-1" }))
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data)
      if (frame.type === "subscribed") done("subscribed")
      if (frame.type === "error") done(frame.code)
    }
    socket.onclose = () => done("refused")
  })
}

/** In the page: the status of a request, or that the browser keeps the answer from it. */
function ask({ url, init }) {
  return fetch(url, init).then(
    (response) => response.status,
    () => "blocked",
  )
}

const WITH_COOKIE = { credentials: "include" }

test("a strange page has nothing of the cookie of whoever looks at it", { timeout: 60_000 }, async () => {
  const server = await started("")
  try {
    const ws = { url: `${server.url}/v1/ws`, stream: PRIVATE }
    const own = await pageAt(`${server.url}/health/live`, server)
    assert.equal(await own.evaluate(subscribe, ws), "subscribed")
    assert.equal(await own.evaluate(ask, { url: server.stream(PRIVATE) }), 200)
    const removal = { method: "DELETE", ...WITH_COOKIE }
    const strange = await pageAt(strangeOrigin(), server)
    assert.equal(await strange.evaluate(subscribe, ws), "unauthenticated")
    assert.equal(await strange.evaluate(ask, { url: server.stream(PRIVATE), init: WITH_COOKIE }), "blocked")
    assert.equal(await strange.evaluate(ask, { url: server.stream(PRIVATE), init: removal }), "blocked")
    assert.equal(await strange.evaluate(ask, { url: server.stream(PRIVATE) }), 401)
    // Nothing of it happened.
    assert.equal(await own.evaluate(ask, { url: server.stream(PRIVATE) }), 200)
  } finally {
    await server.stop()
  }
})

test("a listed origin uses what it is listed for, and others nothing", { timeout: 60_000 }, async () => {
  const table = `[[origins]]\nallow = [${JSON.stringify(strangeOrigin())}]\ncookie = true\nstreams = ["private/*"]\n`
  const server = await started(table)
  try {
    const ws = { url: `${server.url}/v1/ws`, stream: PRIVATE }
    const listed = await pageAt(strangeOrigin(), server)
    assert.equal(await listed.evaluate(subscribe, ws), "subscribed")
    assert.equal(await listed.evaluate(subscribe, { ...ws, stream: "other" }), "origin_refused")
    assert.equal(await listed.evaluate(ask, { url: server.stream(PRIVATE), init: WITH_COOKIE }), 200)
    assert.equal(await listed.evaluate(ask, { url: server.stream("other"), init: WITH_COOKIE }), 403)
    const other = await pageAt(strangeOrigin("localhost"), server)
    assert.equal(await other.evaluate(subscribe, ws), "refused")
    assert.equal(await other.evaluate(ask, { url: server.stream(PRIVATE) }), "blocked")
  } finally {
    await server.stop()
  }
})

test("without rules a server is for pages of its own machine only", { timeout: 60_000 }, async () => {
  const server = await started("", { rules: false })
  try {
    const ws = { url: `${server.url}/v1/ws`, stream: PRIVATE }
    const removal = { method: "DELETE" }
    const local = await pageAt(strangeOrigin("localhost"), server)
    assert.equal(await local.evaluate(subscribe, ws), "subscribed")
    const strange = await pageAt(strangeOrigin("www.example"), server)
    assert.equal(await strange.evaluate(subscribe, ws), "refused")
    assert.equal(await strange.evaluate(ask, { url: server.stream(PRIVATE) }), "blocked")
    assert.equal(await strange.evaluate(ask, { url: server.stream(PRIVATE), init: removal }), "blocked")
    // The same by its own name: to the browser it is one origin.
    const rebound = await pageAt(`http://www.example:${server.port}/health/live`, server)
    const url = `http://www.example:${server.port}`
    assert.equal(await rebound.evaluate(subscribe, { ...ws, url: `${url}/v1/ws` }), "refused")
    assert.equal(await rebound.evaluate(ask, { url: `${url}/v1/stream/${PRIVATE}` }), 403)
    assert.equal(await local.evaluate(ask, { url: server.stream(PRIVATE) }), 200)
  } finally {
    await server.stop()
  }
})
