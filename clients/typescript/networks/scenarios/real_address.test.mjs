// nginx, HAProxy and Caddy with the settings of the guide: the server sees the address of the client, and nobody can tell it another one.

import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import { Server } from "../../../../conformance/foreign/server.mjs";
import { Front } from "../fronts.mjs";

/** All of 127.0.0.0/8 is this machine; the proxies connect from 127.0.0.1. */
const CLIENT = "127.0.0.5";
const TRUSTED = ["--trusted-proxies", "127.0.0.1"];
const FORGED = { "X-Forwarded-For": "203.0.113.7", Forwarded: "for=203.0.113.7", "X-Real-IP": "203.0.113.7" };
/** Who asks the server whether it is ready is no proxy: so this one connects from elsewhere. */
const ELSEWHERE = "127.0.0.9";
const BY_PROXY_PROTOCOL = ["--trusted-proxies", ELSEWHERE, "--proxy-protocol", "true"];
const fromElsewhere = (block) => block.replace("send-proxy-v2", `send-proxy-v2 source ${ELSEWHERE}`);

for (const [program, name, flags, change] of [
  ["nginx", "recommended", TRUSTED],
  ["haproxy", "recommended", TRUSTED],
  ["haproxy", "proxy-protocol", BY_PROXY_PROTOCOL, fromElsewhere],
  ["caddy", "recommended", TRUSTED],
]) {
  test(`${program}, ${name} settings: the server sees the client's address`, { timeout: 60_000 }, async () => {
    const server = await Server.start({ flags });
    const front = await Front.start(program, name, server.port, change);
    try {
      assert.deepEqual(await seen(front), { address: CLIENT, secure: false });
      assert.deepEqual(await seen(front, FORGED), { address: CLIENT, secure: false });
      assert.deepEqual(await seen({ url: server.url }, FORGED), { address: CLIENT, secure: false }, "past the proxy");
    } finally {
      await front.stop();
      await server.stop();
    }
  });
}

test("a proxy that is not trusted is the client itself", { timeout: 60_000 }, async () => {
  const server = await Server.start();
  const front = await Front.start("nginx", "recommended", server.port);
  try {
    assert.deepEqual(await seen(front), { address: "127.0.0.1", secure: false });
  } finally {
    await front.stop();
    await server.stop();
  }
});

/** Whom the server sees when a client asks from an address of its own. */
async function seen({ url }, headers = {}) {
  const answer = await new Promise((resolve, reject) => {
    get(`${url}/v1/admin/me`, { localAddress: CLIENT, headers, agent: false }, resolve).on("error", reject);
  });
  let text = "";
  for await (const piece of answer.setEncoding("utf8")) text += piece;
  assert.equal(answer.statusCode, 200, text);
  const { address, secure } = JSON.parse(text);
  return { address, secure };
}
