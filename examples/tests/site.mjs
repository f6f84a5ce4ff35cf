// What the tests stand on: a real server with its examples, a real browser, and pages that note every complaint.

import { after, before } from "node:test";
import { launchChromium } from "../../conformance/foreign/chromium.mjs";
import { Server } from "../../conformance/foreign/server.mjs";

export { createStream, eventually } from "../../conformance/foreign/server.mjs";

/** How long something may take that takes a moment. */
export const PATIENCE = 20_000;

/** A name of this machine that a browser takes for another one's: a page from there has less than a secure one. */
const ELSEWHERE = "elsewhere";
const FLAGS = [`--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`];

const DESKTOP = { viewport: { width: 1280, height: 800 } };

/** The server and the browser of a file of tests. */
export class Site {
  /** One that lives as long as the tests of the file. */
  static forTests() {
    const site = new Site();
    before(async () => {
      [site.server, site.browser] = await Promise.all([Server.start({ flags: ["--examples"] }), launchChromium(FLAGS)]);
    });
    after(async () => {
      await site.browser?.close();
      await site.server?.stop();
    });
    return site;
  }

  /** A page on a device of its own, which is closed at the end of the test `t`. */
  async open(t, path, options = {}) {
    const context = await this.browser.newContext({ ...DESKTOP, ...options });
    t.after(() => context.close());
    return openPage(context, this.server.url + path);
  }

  /** The server's address as it would be on another machine, over plain HTTP. */
  get elsewhere() {
    return this.server.url.replace("127.0.0.1", ELSEWHERE);
  }

  /** A page of the chat, with somebody who has come in. */
  async person(t, name, { room = "lobby", ...options } = {}) {
    const page = await this.open(t, `/examples/chat/#${room}`, options);
    await comeIn(page, name);
    return page;
  }

  /** Says something in a room without a page. */
  async say(room, text, by = "node") {
    await this.publish(`examples/rooms/${room}`, { id: `${by} ${text}`, by, name: by, text });
  }

  /** Publishes without a page. */
  async publish(stream, message) {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(this.server.stream(stream), { method: "POST", headers, body: JSON.stringify(message) });
    if (answer.status !== 204) throw new Error(`${stream}: ${answer.status} ${await answer.text()}`);
  }
}

/** Opens an address in one more page of a device. `complaints` of the page are what its console and its policy say. */
export async function openPage(context, url) {
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") page.complaints.push(message.text());
  });
  page.on("pageerror", (error) => page.complaints.push(error.message));
  await page.exposeFunction("onViolation", (what) => page.complaints.push(`policy: ${what}`));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => globalThis.onViolation(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(url);
  return page;
}

/** Says who one is, and waits until the room is there. */
export async function comeIn(page, name) {
  await page.fill("#name", name);
  await page.keyboard.press("Enter");
  await page.locator('#log[aria-busy="false"]').waitFor({ timeout: PATIENCE });
}

/** Sends a message as a person does. */
export async function send(page, text) {
  await page.fill("#text", text);
  await page.keyboard.press("Enter");
}

/** The texts that the room shows, from top to bottom. */
export function texts(page) {
  return page.locator("#log .message .text").allTextContents();
}

/** Moves the switch, and waits until the transport is in use. */
export async function force(page, transport) {
  await page.locator(`.switch input[value="${transport}"]`).check({ force: true });
  if (transport === "auto") return;
  await page.locator(`.connection-status[data-state="live"][data-transport="${transport}"]`).waitFor({ timeout: PATIENCE });
}
