// The conformance suite of the Durable Streams protocol. Its own command finds no tests in a plain install, since vitest leaves out
// `node_modules`; so this file calls it.

import { runConformanceTests } from "@durable-streams/server-conformance-tests"

runConformanceTests({ baseUrl: process.env.CONFORMANCE_TEST_URL, longPollTimeoutMs: 500 })
