// Runs the Autobahn cases against the built binary: against its hidden echo listener, which shares everything with the product but what is
// done with a message. Checks that each case passed in the strictest way that the suite knows, and that none was left out.
//
// usage: node autobahn/run.mjs [GROUP...]    the groups of the tests are 1 to 7 and 10

import { join } from "node:path"
import { environmentOf, run } from "../python.mjs"
import { Server, freePort } from "../server.mjs"

const CASES = { 1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1, 12: 90, 13: 126 }
const QUICK = ["1", "2", "3", "4", "5", "6", "7", "10"]

// These send what RFC 6455 says nothing about, and the suite has no other verdict for them.
const ONLY_INFORMATIONAL = ["7.1.6", "7.13.1", "7.13.2"]

// Group 9 sends messages of 16 MiB, and those of compression also some of 16 bytes.
const FLAGS = ["--max-message-bytes", "16MiB", "--segment-bytes", "40MiB", "--websocket-compression-min-bytes", "0"]
const PARALLEL = 4
const QUICK_MS_MAX = 90_000
const SLOW_MS_MAX = 3_600_000

const given = process.argv.slice(2)
const groups = given.length === 0 ? QUICK : given
const unknown = groups.filter((group) => !(group in CASES))
if (unknown.length > 0) throw new Error(`there is no group ${unknown}; there are ${Object.keys(CASES)}`)

const python = join(await environmentOf(import.meta.dirname), "python")
const echo = `127.0.0.1:${await freePort()}`
const server = await Server.start({ flags: ["--ws-echo", echo, ...FLAGS] })
try {
  const results = await runCases(python, `ws://${echo}`, groups)
  process.exitCode = summarise(results, groups)
} finally {
  await server.stop()
}

async function runCases(python, address, groups) {
  const patterns = groups.map((group) => `${group}.*`)
  const script = join(import.meta.dirname, "cases.py")
  const timeout = groups.every((group) => QUICK.includes(group)) ? QUICK_MS_MAX : SLOW_MS_MAX
  const lines = await run(python, [script, address, String(PARALLEL), ...patterns], { timeout })
  return lines.split("\n").filter(Boolean).map((line) => JSON.parse(line))
}

function summarise(results, groups) {
  const expected = groups.reduce((sum, group) => sum + CASES[group], 0)
  const failed = results.filter((result) => !isPassed(result))
  for (const { id, behavior, close, why } of failed) console.log(`failed: ${id}: ${behavior}, ${close}: ${why}`)
  if (failed.length > 0) console.log(`the server printed:\n${server.printed}`)
  for (const group of groups) {
    const ran = results.filter((result) => result.id.split(".")[0] === group).length
    if (ran !== CASES[group]) console.log(`group ${group} has ${CASES[group]} cases, and ${ran} ran`)
  }
  const missing = Math.max(0, expected - results.length)
  console.log(`conformance: ${results.length - failed.length} passed, ${failed.length + missing} failed`)
  return failed.length === 0 && results.length === expected ? 0 : 1
}

/** "Non-strict" and "informational" don't pass. */
function isPassed({ id, behavior, close }) {
  const verdict = ONLY_INFORMATIONAL.includes(id) ? "INFORMATIONAL" : "OK"
  return behavior === verdict && close === verdict
}
