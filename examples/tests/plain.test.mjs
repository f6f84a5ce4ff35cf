// The plain clients, in Node.js, in a shell and in Chromium: each gives every message once, in order, whatever happens to the server. And the page
// that shows the four beside each other.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { PageFollower, ProcessFollower, WAYS, environment } from "./plain-followers.mjs";
import { PATIENCE, Site, createStream, eventually } from "./site.mjs";

const site = Site.forTests();
let env;
before(async () => {
  env = await environment();
});

test("each goes on at a kept offset, gets each message once and in order over a killed server, is told a reset, and ends", async (t) => {
  await createStream(site.server, "plain");
  await publish(1, 5);
  const [first] = await (await fetch(`${site.server.stream("plain")}?envelope=true`)).json();
  const followers = await startAll(t, site.server.stream("plain"), first.offset);
  await allHave(followers, 2, 5);
  await publish(6, 10);
  await site.server.kill9();
  await site.server.restart();
  await publish(11, 20);
  await allHave(followers, 2, 20);

  await fetch(site.server.stream("plain"), { method: "DELETE" });
  await createStream(site.server, "plain");
  await publish(21, 22);
  await allHave(followers, 2, 22);
  for (const { name, resets, complaints } of followers) assert.deepEqual(resets, ["deleted"], `${name}: ${complaints.slice(0, 500)}`);

  // Some are stopped, the others end with the stream.
  const isStopped = ({ name }) => name.endsWith("Chromium") || name.endsWith("again");
  await Promise.all(followers.filter(isStopped).map((follower) => within(follower.interrupt(), `${follower.name} stops`)));
  await fetch(site.server.stream("plain"), { method: "POST", headers: { "Stream-Closed": "true" } });
  await Promise.all(followers.map((follower) => within(follower.ended(), `${follower.name} ends`)));
  await eventually("no connection is left", PATIENCE, async () => {
    const list = await (await fetch(`${site.server.url}/v1/streams?prefix=plain`)).json();
    const { sse, websocket } = list.streams[0].followers;
    return sse + websocket === 0;
  });
});

test("what a server says is no command for a shell", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "plain-"));
  t.after(() => rm(folder, { recursive: true }));
  // As a number, bash would look for an element of a list, and run what says which.
  const command = "a[$(touch $WAS_RUN)]";
  const asked = { poll: 0, "long-poll": 0, sse: 0 };
  const server = createServer((request, response) => {
    const way = request.url.slice(1).split("?")[0];
    const isRefused = (asked[way] += 1) % 2 === 0 && way !== "sse";
    const fields = { "Retry-After": command, "Stream-Poll-Interval": command, "Stream-Next-Offset": "1", "Stream-Up-To-Date": "true" };
    response.writeHead(isRefused ? 503 : 200, { ...fields, Connection: "close" });
    response.end(way === "sse" ? `retry: ${command}\n\n` : "[]");
  });
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${server.address().port}`;

  // A WebSocket that says this as its heartbeat, and ends.
  const hello = JSON.stringify({ type: "hello", heartbeat: command });
  const websocat = `#!/bin/sh\necho asked >>'${folder}/asked'\nprintf '%s\\n' '${hello}'\n`;
  await writeFile(join(folder, "websocat"), websocat, { mode: 0o755 });
  const inFolder = { ...env, PATH: `${folder}:${env.PATH}`, WAS_RUN: join(folder, "was-run") };

  const followers = WAYS.map((way) => ProcessFollower.inShell(way, `${url}/${way}`, "-1", inFolder));
  t.after(() => followers.forEach((follower) => follower.kill()));
  await eventually("each comes again", PATIENCE, async () => {
    if ((await readdir(folder)).includes("was-run")) return true;
    const connected = await readFile(join(folder, "asked"), "utf8").catch(() => "");
    return 2 < connected.split("\n").length && Object.values(asked).every((times) => 2 < times);
  });
  assert.ok(!(await readdir(folder)).includes("was-run"), "a command of the server was run");
});

test("the page shows the four beside each other", async (t) => {
  const page = await site.open(t, "/examples/plain/");
  for (const way of WAYS) await page.locator(`.way[data-way="${way}"] li.message`).nth(1).waitFor({ timeout: PATIENCE });
  assert.deepEqual(page.complaints, []);
});

/** Each client in each place, as a follower of that stream. */
async function startAll(t, url, offset) {
  const followers = [];
  t.after(() => followers.forEach((follower) => follower.kill()));
  for (const way of WAYS) {
    followers.push(ProcessFollower.inNode(way, url, offset, env));
    followers.push(ProcessFollower.inShell(way, url, offset, env));
    followers.push(Object.assign(ProcessFollower.inShell(way, url, offset, env), { name: `${way}.sh again` }));
    followers.push(await PageFollower.start(await site.open(t, "/examples/"), way, url, offset));
  }
  return followers;
}

/** Publishes numbered messages, one by one. */
async function publish(first, last) {
  for (const n of numbers(first, last)) await site.publish("plain", { n });
}

/** Waits until each has these messages, or another one. */
async function allHave(followers, first, last) {
  const heard = ({ messages }) => messages.map(({ data }) => data.n);
  const wanted = numbers(first, last);
  // What is wrong will not become right.
  const isDone = (follower) => {
    const wrong = heard(follower).findIndex((n, index) => n !== wanted[index]);
    return wrong !== -1 || wanted.length <= follower.messages.length;
  };
  const waiting = eventually(`each has ${last}`, PATIENCE, () => followers.every(isDone));
  const late = await waiting.then(() => "", String);
  for (const follower of followers) {
    const { name, resets, complaints } = follower;
    assert.deepEqual(heard(follower), wanted, `${late} ${name}, ${resets.length} resets; ${complaints.slice(0, 500)}`);
  }
}

function numbers(first, last) {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

async function within(done, what) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(reject, PATIENCE, new Error(`not within ${PATIENCE} ms: ${what}`))));
  await Promise.race([done, late]);
  clearTimeout(timer);
}
