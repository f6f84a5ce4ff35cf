// The client of the Durable Streams project, unmodified: it knows nothing of tidings.

import { DurableStream, IdempotentProducer, stream } from "@durable-streams/client"
import assert from "node:assert/strict"
import { eventually, range, serverTest } from "../server.mjs"

const PATIENCE_MS = 20_000
const backoffOptions = { initialDelay: 20, maxDelay: 200, multiplier: 1.3 }

/** A handle on a new stream of JSON messages. */
async function create(server, name) {
  return DurableStream.create({ url: server.stream(name), contentType: "application/json", backoffOptions })
}

/** Follows a stream and keeps what comes. */
async function follow(server, name, live, offset = "-1") {
  const received = []
  const aborter = new AbortController()
  const session = await stream({
    url: server.stream(name),
    live,
    offset,
    signal: aborter.signal,
    backoffOptions,
    onError: () => ({}),
    sseResilience: { minConnectionDuration: 0, logWarnings: false },
  })
  session.subscribeJson((batch) => void received.push(...batch.items))
  session.closed.catch(() => {}) // It is aborted in the end.
  return { received, stop: () => aborter.abort() }
}

serverTest("it creates a stream, appends and reads it back", async (server) => {
  const handle = await create(server, "orders")
  for (const n of range(0, 3)) await handle.append(JSON.stringify({ n }))
  const read = await handle.stream({ live: false })
  assert.deepEqual(await read.json(), [{ n: 0 }, { n: 1 }, { n: 2 }])
  const head = await handle.head()
  assert.equal(head.exists, true)
  assert.equal(head.contentType, "application/json")
})

serverTest("it goes on from an offset that it kept", async (server) => {
  const handle = await create(server, "orders")
  await handle.append("1")
  const { offset } = await handle.head()
  await handle.append("2")
  const read = await handle.stream({ live: false, offset })
  assert.deepEqual(await read.json(), [2])
})

serverTest("it ends where a stream is closed", async (server) => {
  const handle = await create(server, "orders")
  await handle.append("1")
  await handle.close({ body: "2" })
  for (const live of ["long-poll", "sse"]) {
    const session = await stream({ url: server.stream("orders"), live })
    const received = []
    for await (const message of session.jsonStream()) received.push(message)
    assert.deepEqual(received, [1, 2], live)
  }
})

for (const live of ["long-poll", "sse"]) {
  serverTest(`a follower over ${live} misses and repeats nothing when the server is killed`, async (server) => {
    const handle = await create(server, "orders")
    const producer = new IdempotentProducer(handle, "writer", { maxInFlight: 5, lingerMs: 1 })
    const follower = await follow(server, "orders", live)
    const all = range(0, 600)
    for (const n of all) {
      producer.append(String(n))
      if (n === 200 || n === 400) {
        await producer.flush()
        await server.kill9()
        await server.restart()
      } else if (n % 10 === 0) {
        await producer.flush()
      }
    }
    await producer.flush()
    await eventually("everything has come", PATIENCE_MS, () => follower.received.length >= all.length)
    follower.stop()
    assert.deepEqual(follower.received, all)
  })
}

serverTest("what its producer has in flight when the server is killed is stored once", async (server) => {
  const handle = await create(server, "orders")
  const failures = []
  const producer = new IdempotentProducer(handle, "writer", { lingerMs: 1, onError: (error) => failures.push(error) })
  const all = range(0, 500)
  for (const n of all) producer.append(String(n))
  await server.kill9()
  const flushed = producer.flush()
  await server.restart()
  await flushed
  assert.deepEqual(failures, [])
  const read = await handle.stream({ live: false })
  assert.deepEqual(await read.json(), all)
})
