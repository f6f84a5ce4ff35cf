// The client of the Durable Streams project, unmodified: it knows nothing of tidings.

import { DurableStream, IdempotentProducer, stream } from "@durable-streams/client"
import assert from "node:assert/strict"
import { setTimeout as sleep } from "node:timers/promises"
import { eventually, range, serverTest } from "../server.mjs"

const PATIENCE_MS = 20_000
const backoffOptions = { initialDelay: 20, maxDelay: 200, multiplier: 1.3 }

/** Asks again when a connection is lost: the producer leaves that to its user. */
async function persistentFetch(...request) {
  for (;;) {
    try {
      return await fetch(...request)
    } catch {
      await sleep(20)
    }
  }
}

/** A handle on a new stream of JSON messages. */
async function create(server, name) {
  return DurableStream.create({ url: server.stream(name), contentType: "application/json", backoffOptions })
}

/**
 * Follows a stream and keeps what comes. A session over SSE ends when its connection does; its user then goes on from the last offset,
 * which is what the client's documentation says to keep.
 */
function follow(server, name, live) {
  const received = []
  const aborter = new AbortController()
  let offset = "-1"
  const follow = async () => {
    while (!aborter.signal.aborted) {
      const session = await stream({ url: server.stream(name), live, offset, signal: aborter.signal, backoffOptions })
      session.subscribeJson((batch) => {
        received.push(...batch.items)
        offset = batch.offset
      })
      await session.closed.catch(() => {})
    }
  }
  const done = follow().catch((error) => {
    if (!aborter.signal.aborted) throw error
  })
  const stop = () => {
    aborter.abort()
    return done
  }
  return { received, stop }
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
    const follower = follow(server, "orders", live)
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
    await follower.stop()
    assert.deepEqual(follower.received, all)
  })
}

serverTest("what its producer has in flight when the server is killed is stored once", async (server) => {
  const handle = await create(server, "orders")
  const failures = []
  const onError = (error) => failures.push(error)
  const producer = new IdempotentProducer(handle, "writer", { lingerMs: 1, maxBatchBytes: 50, fetch: persistentFetch, onError })
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
