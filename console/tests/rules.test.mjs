// The console of a server that has rules: it asks who looks, keeps that to itself, and shows nothing to others.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { KEY, KEY_HASH, PATIENCE, Site, streamView } from "./site.mjs";

const folder = await mkdtemp(join(tmpdir(), "tidings-console-"));
after(() => rm(folder, { recursive: true, force: true }));
const rights = ["admin", "read", "publish", "create", "list"].map((right) => `${right} = ["**"]\n`).join("");
const settings = join(folder, "tidings.toml");
await writeFile(settings, `[[keys]]\nname = "night watch"\nhash = "${KEY_HASH}"\n${rights}`);

const site = Site.forTests({ flags: ["--config", settings] });

async function signIn(page, key) {
  await page.getByLabel("Token or API key").fill(key);
  await page.keyboard.press("Enter");
}

test("who looks is asked for a token, which stays in the tab and in the header", async (t) => {
  const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
  const created = await fetch(`${site.server.stream("secret")}?create=true`, { method: "POST", headers, body: '["hush"]' });
  assert.equal(created.status, 204);
  const page = await site.open(t, streamView("secret"));
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.getByText("This server has rules.").waitFor({ timeout: PATIENCE });
  assert.equal(await page.getByText("hush").count(), 0);
  await signIn(page, "not-a-key-at-all");
  await page.getByText("This token does not do").waitFor({ timeout: PATIENCE });
  await signIn(page, KEY);
  await page.locator(".tail .message", { hasText: "hush" }).waitFor({ timeout: PATIENCE });
  for (const name of ["SSE", "Long poll", "Poll"]) {
    await page.getByRole("button", { name, exact: true }).click();
    await page.locator(".tail", { hasText: name }).locator(".message", { hasText: "hush" }).first().waitFor({ timeout: PATIENCE });
  }
  assert.deepEqual(asked.filter((url) => url.includes(KEY)), [], "no URL holds it");
  assert.deepEqual(await page.evaluate(() => [localStorage.length, document.cookie]), [0, ""]);
  // The same tab remembers, another one does not.
  await page.reload();
  await page.locator(".tail .message", { hasText: "hush" }).waitFor({ timeout: PATIENCE });
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("This server has rules.").waitFor({ timeout: PATIENCE });
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});
