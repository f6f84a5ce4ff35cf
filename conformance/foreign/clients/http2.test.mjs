// Node's own `http2`, with the frames of the npm package `ws`: WebSocket over HTTP/2 (RFC 8441), and requests beside it.

import assert from "node:assert/strict"
import { once } from "node:events"
import { connect, constants } from "node:http2"
import { Receiver, Sender } from "ws"
import { COMPRESSION } from "../compression.mjs"
import { createStream, eventually, publish, range, serverTest } from "../server.mjs"

const PATIENCE_MS = 20_000

/** A connection by prior knowledge, once the server has said what it can. */
async function connected(server) {
  const session = connect(server.url)
  const [settings] = await once(session, "remoteSettings")
  assert.equal(settings.enableConnectProtocol, true)
  assert.ok(settings.maxConcurrentStreams >= 100)
  return session
}

/** A whole answer. */
async function ask(session, headers) {
  const stream = session.request(headers, { endStream: true })
  const chunks = []
  stream.on("data", (chunk) => chunks.push(chunk))
  const [head] = await once(stream, "response")
  await once(stream, "end")
  return { status: head[":status"], head, text: Buffer.concat(chunks).toString() }
}

/** A WebSocket over one stream of the session. */
class Client {
  frames = []
  code = undefined

  static async open(session, path, fields = {}) {
    const client = new Client()
    client.stream = session.request({
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":path": path,
      "sec-websocket-version": "13",
      "sec-websocket-protocol": "other, tidings.v1",
      ...fields,
    })
    client.stream.on("error", () => {}) // A reset; `close` follows.
    client.head = (await once(client.stream, "response"))[0]
    const receiver = new Receiver({ isServer: false })
    receiver.on("message", (data, isBinary) => {
      assert.equal(isBinary, false)
      client.frames.push(JSON.parse(data.toString()))
    })
    receiver.on("conclude", (code) => (client.code = code))
    client.stream.pipe(receiver)
    client.sender = new Sender(client.stream)
    return client
  }

  send(frame) {
    this.sender.send(JSON.stringify(frame), { fin: true, opcode: 1, mask: true, binary: false, compress: false })
  }

  of(type) {
    return this.frames.filter((frame) => frame.type === type)
  }

  async waitFor(type, count = 1) {
    await eventually(`${count} of ${type}`, PATIENCE_MS, () => this.of(type).length >= count)
    return this.of(type)
  }
}

async function followers(server) {
  const list = await (await fetch(`${server.url}/v1/streams`)).json()
  return list.streams.reduce((sum, stream) => sum + stream.followers.websocket, 0)
}

serverTest("it follows and publishes 20 streams over one stream of HTTP/2, and polls beside it", async (server) => {
  const names = range(0, 20).map((index) => `stream-${index}`)
  const session = await connected(server)
  const client = await Client.open(session, "/v1/ws")
  assert.equal(client.head[":status"], 200)
  assert.equal(client.head["sec-websocket-protocol"], "tidings.v1")
  for (const field of ["sec-websocket-accept", "upgrade", "connection", "content-length"]) {
    assert.equal(client.head[field], undefined, field)
  }
  for (const name of names) {
    await createStream(server, name)
    client.send({ type: "subscribe", stream: name, offset: "-1" })
  }
  await client.waitFor("live", names.length)
  for (const n of range(0, 50)) {
    for (const stream of names) client.send({ type: "publish", id: `${stream}/${n}`, stream, data: n })
  }
  const messages = await client.waitFor("message", names.length * 50)
  for (const name of names) {
    const numbers = messages.filter((frame) => frame.stream === name).map((frame) => frame.data)
    assert.deepEqual(numbers, range(0, 50), name)
    const poll = await ask(session, { ":path": `/v1/stream/${name}?offset=-1` })
    assert.deepEqual(JSON.parse(poll.text), numbers)
  }
  const published = await client.waitFor("published", names.length * 50)
  assert.equal(new Set(published.map((frame) => frame.id)).size, published.length)
  session.close()
  client.sender.close(1000, "", true)
  await once(client.stream, "close")
  assert.equal(client.code, 1000)
  assert.equal(client.stream.rstCode, constants.NGHTTP2_NO_ERROR)
})

for (const { name, flags, negotiated } of COMPRESSION) {
  serverTest(
    `what is offered beside the subprotocol is answered as over HTTP/1.1, ${name}`,
    async (server) => {
      const session = await connected(server)
      const offer = { "sec-websocket-extensions": "permessage-deflate; client_max_window_bits" }
      const client = await Client.open(session, "/v1/ws", offer)
      const extensions = client.head["sec-websocket-extensions"] ?? ""
      assert.equal(extensions.split(";")[0], negotiated)
      session.destroy()
    },
    { flags },
  )
}

serverTest("what is refused says why, and ends nothing else", async (server) => {
  const session = await connected(server)
  const refusals = [
    [501, "protocol_not_served", { ":protocol": "connect-udp", ":path": "/v1/ws" }],
    [404, "not_found", { ":protocol": "websocket", ":path": "/v1/streams" }],
    [426, "upgrade_required", { ":protocol": "websocket", ":path": "/v1/ws" }],
  ]
  for (const [status, code, headers] of refusals) {
    const answer = await ask(session, { ":method": "CONNECT", ...headers })
    assert.deepEqual([answer.status, JSON.parse(answer.text).code], [status, code])
    assert.equal(answer.head["sec-websocket-version"], status === 426 ? "13" : undefined)
  }
  const client = await Client.open(session, "/v1/ws")
  await client.waitFor("hello")
  session.destroy()
})

serverTest("a follower that resets its stream is gone, and the others of its connection stay", async (server) => {
  await createStream(server, "a")
  const session = await connected(server)
  const clients = []
  for (const _ of range(0, 3)) clients.push(await Client.open(session, "/v1/stream/a?offset=-1"))
  for (const client of clients) await client.waitFor("live")
  clients[0].stream.close(constants.NGHTTP2_CANCEL)
  clients[1].stream.end()
  await eventually("two have gone", PATIENCE_MS, async () => (await followers(server)) === 1)
  await publish(server, "a", 1)
  await clients[2].waitFor("message")
  session.destroy()
  await eventually("all have gone", PATIENCE_MS, async () => (await followers(server)) === 0)
})
