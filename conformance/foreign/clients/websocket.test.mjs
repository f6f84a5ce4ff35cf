// The npm package `ws`, unmodified.

import assert from "node:assert/strict"
import { once } from "node:events"
import WebSocket from "ws"
import { createStream, eventually, publish, range, serverTest } from "../server.mjs"

const PATIENCE_MS = 20_000

/** A connection whose JSON frames can be waited for one by one. */
class Client {
  frames = []

  constructor(server, path) {
    this.socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, "tidings.v1")
    this.socket.on("message", (data, isBinary) => {
      assert.equal(isBinary, false)
      this.frames.push(JSON.parse(data.toString()))
    })
    this.socket.on("error", () => {}) // A killed server; `close` follows.
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame))
  }

  /** The next frame that is not a heartbeat, which has to be of one of these types. */
  async next(...types) {
    const frame = await eventually(`a frame ${types}`, PATIENCE_MS, () => this.frames.shift())
    if (frame.type === "heartbeat") return this.next(...types)
    assert.ok(types.includes(frame.type), `${types} expected: ${JSON.stringify(frame)}`)
    return frame
  }

  async close() {
    const closed = once(this.socket, "close")
    this.socket.close(1000)
    return (await closed)[0]
  }
}

serverTest("hello comes first, and closing is answered", async (server) => {
  const client = new Client(server, "/v1/ws")
  const hello = await client.next("hello")
  assert.equal(client.socket.protocol, "tidings.v1")
  assert.ok(hello.heartbeat > 0 && hello.max_message_bytes > 0 && hello.max_streams > 0)
  assert.equal(await client.close(), 1000)
})

serverTest("it follows and publishes many streams over one connection", async (server) => {
  const client = new Client(server, "/v1/ws")
  await client.next("hello")
  for (const name of ["a", "b"]) {
    await createStream(server, name)
    client.send({ type: "subscribe", stream: name, offset: "-1" })
    assert.equal((await client.next("subscribed")).stream, name)
    assert.equal((await client.next("live")).stream, name)
  }
  for (const name of ["a", "b"]) {
    client.send({ type: "publish", id: name, stream: name, data: [name] })
    const frames = [await client.next("published", "message"), await client.next("published", "message")]
    const of = (type) => frames.find((frame) => frame.type === type)
    assert.deepEqual(of("message").data, [name])
    assert.equal(of("published").id, name)
    assert.equal(of("published").offset, of("message").offset)
    assert.equal(of("published").duplicate, false)
  }
  client.send({ type: "unsubscribe", stream: "a" })
  assert.equal((await client.next("unsubscribed")).stream, "a")
  assert.equal(await client.close(), 1000)
})

serverTest("what it publishes compressed comes back compressed", async (server) => {
  await createStream(server, "a")
  const client = new Client(server, "/v1/stream/a?offset=-1")
  await client.next("hello")
  assert.equal(client.socket.extensions, "permessage-deflate")
  await client.next("subscribed")
  await client.next("live")
  for (const n of range(0, 20)) {
    const data = { n, words: `again ${n} `.repeat(2_000) }
    client.send({ type: "publish", id: "1", stream: "a", data })
    const frames = [await client.next("published", "message"), await client.next("published", "message")]
    assert.deepEqual(frames.find((frame) => frame.type === "message").data, data)
  }
  const { bytesRead, bytesWritten } = client.socket._socket
  assert.ok(bytesRead < 20_000 && bytesWritten < 20_000, `read ${bytesRead}, wrote ${bytesWritten}`)
  await client.close()
})

serverTest("a publish that is repeated with its key is stored once", async (server) => {
  await createStream(server, "a")
  const client = new Client(server, "/v1/ws")
  await client.next("hello")
  const offsets = new Set()
  for (const repeat of range(0, 5)) {
    client.send({ type: "publish", id: String(repeat), stream: "a", data: { n: 1 }, key: "once" })
    const published = await client.next("published")
    assert.equal(published.duplicate, repeat > 0)
    offsets.add(published.offset)
  }
  assert.equal(offsets.size, 1)
  await client.close()
})

serverTest("what is wrong gets an error and ends nothing", async (server) => {
  const client = new Client(server, "/v1/ws")
  await client.next("hello")
  client.socket.send("{")
  assert.equal((await client.next("error")).code, "invalid_json")
  client.send({ type: "surprise" })
  assert.equal((await client.next("error")).code, "invalid_frame")
  client.send({ type: "subscribe", stream: "missing" })
  assert.equal((await client.next("error")).code, "stream_not_found")
  await createStream(server, "a")
  client.send({ type: "subscribe", stream: "a" })
  await client.next("subscribed")
  await client.close()
})

serverTest("it resumes after the server was killed and misses nothing", async (server) => {
  await createStream(server, "a")
  const received = []
  let offset = "-1"
  let published = 0
  for (const round of range(0, 4)) {
    const client = new Client(server, `/v1/stream/a?offset=${offset}`)
    await client.next("hello")
    await client.next("subscribed")
    for (const n of range(published, published + 50)) await publish(server, "a", n)
    published += 50
    // In every second round the last messages come while nobody listens.
    const until = published - (round % 2) * 20
    while (received.length < until) {
      const frame = await eventually("a frame", PATIENCE_MS, () => client.frames.shift())
      if (frame.type !== "message") continue
      received.push(frame.data)
      offset = frame.offset
    }
    const closed = once(client.socket, "close")
    await server.kill9()
    await closed
    await server.restart()
  }
  const client = new Client(server, `/v1/stream/a?offset=${offset}`)
  await eventually("it is live", PATIENCE_MS, () => client.frames.some((frame) => frame.type === "live"))
  received.push(...client.frames.filter((frame) => frame.type === "message").map((frame) => frame.data))
  assert.deepEqual(received, range(0, published))
  await client.close()
})
