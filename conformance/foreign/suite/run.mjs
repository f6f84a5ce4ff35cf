// Runs the conformance suite of the Durable Streams protocol against the built binary and checks that nothing was left out.
//
// The forks are left out by name: tidings has none, by decision. Everything else has to pass, and the number is checked, so that a suite
// that silently runs fewer tests fails.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Server } from "../server.mjs"

const TESTS = 250
const ALL_BUT_FORKS = "^(?!Fork)"

// Pages of any origin may use it, as one test of the suite wants: without rules only those of this machine may.
const SETTINGS = `
[[rights]]
to = "anybody"
read = ["**"]
publish = ["**"]
create = ["**"]
delete = ["**"]
list = ["**"]
`

const folder = await mkdtemp(join(tmpdir(), "tidings-suite-"))
const settings = join(folder, "tidings.toml")
await writeFile(settings, SETTINGS)
const server = process.env.CONFORMANCE_TEST_URL ? undefined : await Server.start({ flags: ["--config", settings] })
try {
  const report = await runSuite(server?.url ?? process.env.CONFORMANCE_TEST_URL, join(folder, "report.json"))
  process.exitCode = summarise(report)
} finally {
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
}

async function runSuite(url, file) {
  const vitest = join(import.meta.dirname, "../node_modules/vitest/vitest.mjs")
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile=${file}`]
  const child = spawn(
    process.execPath,
    [vitest, "run", "--root", import.meta.dirname, "-t", ALL_BUT_FORKS, ...reporters],
    { env: { ...process.env, CONFORMANCE_TEST_URL: url }, stdio: ["ignore", "inherit", "inherit"] },
  )
  await once(child, "exit")
  return JSON.parse(await readFile(file, "utf8"))
}

function summarise(report) {
  const results = report.testResults.flatMap((file) => file.assertionResults)
  const count = (status) => results.filter((result) => result.status === status).length
  const passed = count("passed")
  const failed = count("failed")
  const missing = Math.max(0, TESTS - passed - failed)
  if (failed > 0 && server) console.log(`the server printed:\n${server.printed}`)
  for (const result of results) {
    if (result.status === "failed") console.log(`failed: ${result.fullName}`)
  }
  if (passed + failed !== TESTS) console.log(`the suite should have run ${TESTS} tests, and ran ${passed + failed}`)
  console.log(`conformance: ${passed} passed, ${failed + missing} failed`)
  return passed === TESTS && failed === 0 ? 0 : 1
}
