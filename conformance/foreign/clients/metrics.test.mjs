// What Prometheus and Grafana make of the server's metrics: the page as scraped, and every expression of the dashboard, read by the grammar
// of Prometheus itself.

import assert from "node:assert/strict"
import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import { parser } from "@prometheus-io/lezer-promql"
import { createStream, publish, serverTest } from "../server.mjs"

const DASHBOARD = resolve(import.meta.dirname, "../../../deploy/grafana/tidings.json")
// What Prometheus and Grafana add by themselves.
const ADDED_LABELS = ["job", "instance"]
const SAMPLE = /^(?<name>[a-z_]+)(?:\{(?<labels>[^}]*)\})? (?<number>-?[0-9.]+)$/

/** The samples of a page: their names, each with the labels that it has. Every line has to be as the format wants it. */
function samples(text) {
  const labels = new Map()
  let family
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("# HELP ")) {
      family = line.split(" ")[2]
    } else if (line.startsWith("# TYPE ")) {
      assert.equal(line.split(" ")[2], family, "the type follows its help")
    } else if (line !== "# EOF") {
      const sample = SAMPLE.exec(line)
      assert.ok(sample, line)
      assert.ok(sample.groups.name.startsWith(family), `${sample.groups.name} stands under ${family}`)
      const pairs = (sample.groups.labels ?? "").split(",").filter((pair) => pair !== "")
      labels.set(sample.groups.name, pairs.map((pair) => pair.split("=")[0]))
    }
  }
  return labels
}

/** What an expression asks for: the names of metrics, and of labels. Throws where it is not PromQL. */
function parts(expression) {
  // Grafana puts these in before Prometheus sees it.
  const text = expression.replaceAll("$__rate_interval", "1m").replaceAll(/\$[a-z]+/g, "x")
  const found = { metrics: [], labels: [] }
  parser.parse(text).iterate({
    enter(node) {
      const word = text.slice(node.from, node.to)
      assert.ok(!node.type.isError, `${expression}: not PromQL at ${node.from}`)
      if (node.name === "Identifier") found.metrics.push(word)
      if (node.name === "LabelName") found.labels.push(word)
    },
  })
  return found
}

serverTest("the page of metrics is one that Prometheus reads, in both formats", async (server) => {
  const page = async (accept) => {
    const answer = await fetch(`${server.url}/metrics`, { headers: { accept } })
    assert.equal(answer.status, 200)
    return { type: answer.headers.get("content-type"), text: await answer.text() }
  }
  const plain = await page("*/*")
  assert.equal(plain.type, "text/plain; version=0.0.4; charset=utf-8")
  const open = await page("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
  assert.equal(open.type, "application/openmetrics-text; version=1.0.0; charset=utf-8")
  assert.ok(open.text.endsWith("\n# EOF\n"))
  assert.deepEqual([...samples(open.text).keys()], [...samples(plain.text).keys()])
})

serverTest("no stream, address or number of them makes the page longer", async (server) => {
  const lines = async () => (await (await fetch(`${server.url}/metrics`)).text()).split("\n").length
  const before = await lines()
  for (let index = 0; index < 20; index += 1) {
    await createStream(server, `secret/${index}`)
    await publish(server, `secret/${index}`, [index])
  }
  assert.equal(await lines(), before)
  assert.ok(!(await (await fetch(`${server.url}/metrics`)).text()).includes("secret"))
})

serverTest("every expression of the dashboard is PromQL, and asks for what the server has", async (server) => {
  const labels = samples(await (await fetch(`${server.url}/metrics`)).text())
  const { panels, annotations } = JSON.parse(await readFile(DASHBOARD, "utf8"))
  const targets = panels.flatMap((panel) => panel.targets ?? [])
  const expressions = [...targets, ...annotations.list].map((target) => target.expr)
  assert.ok(expressions.length > 20)
  for (const expression of expressions) {
    const asked = parts(expression)
    assert.ok(asked.metrics.length > 0, expression)
    const known = asked.metrics.flatMap((metric) => {
      assert.ok(labels.has(metric), `${expression}: the server has no ${metric}`)
      return labels.get(metric)
    })
    for (const label of asked.labels) {
      assert.ok([...known, ...ADDED_LABELS].includes(label), `${expression}: no label ${label}`)
    }
  }
})
