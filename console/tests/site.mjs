// What the tests stand on: a real server with its console, a real browser, and pages that note every complaint and every request.

import { createHash } from "node:crypto";
import { after, before } from "node:test";
import { launchChromium } from "../../conformance/foreign/chromium.mjs";
import { Server } from "../../conformance/foreign/server.mjs";

export { eventually } from "../../conformance/foreign/server.mjs";

/** How long something may take that takes a moment. */
export const PATIENCE = 20_000;

export const PHONE = { viewport: { width: 360, height: 640 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const DESKTOP = { viewport: { width: 1280, height: 800 } };

/** A key of somebody who may do everything, and its line in the settings. */
export const KEY = "an-administrators-key-of-more-than-forty-characters";
export const KEY_HASH = `sha256:${createHash("sha256").update(KEY).digest("hex")}`;

/** The server and the browser of a file of tests. */
export class Site {
  /** One that lives as long as the tests of the file; `fill` puts into it what they look at. */
  static forTests(options = {}, fill = async () => {}) {
    const site = new Site();
    before(async () => {
      [site.server, site.browser] = await Promise.all([Server.start(options), launchChromium()]);
      await fill(site);
    });
    after(async () => {
      await site.browser?.close();
      await site.server?.stop();
    });
    return site;
  }

  /** A view on a device of its own, which is closed at the end of the test `t`. */
  async open(t, view = "", options = {}) {
    const context = await this.browser.newContext({ ...DESKTOP, ...options });
    t.after(() => context.close());
    return openPage(context, `${this.server.url}/console/${view}`);
  }

  /** The address of a stream, whatever signs its name has. */
  address(name) {
    return this.server.stream(name.split("/").map(encodeURIComponent).join("/"));
  }

  async create(name, headers = {}) {
    await this.ask(name, 201, { method: "PUT", headers: { "Content-Type": "application/json", ...headers } });
  }

  async publish(name, body, contentType = "application/json") {
    await this.ask(name, 204, { method: "POST", headers: { "Content-Type": contentType }, body });
  }

  async ask(name, status, options) {
    const answer = await fetch(this.address(name), options);
    if (answer.status !== status) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
  }
}

/** The view of a stream. */
export function streamView(name) {
  return `#/stream/${encodeURIComponent(name)}`;
}

/** Opens an address. `complaints` of the page are what its console and its policy say; `asked` is what it asks for. */
export async function openPage(context, url) {
  const page = await context.newPage();
  Object.assign(page, { complaints: [], asked: [] });
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") page.complaints.push(message.text());
  });
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("dialog", (dialog) => page.complaints.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => page.asked.push(request.url()));
  await page.exposeFunction("onViolation", (what) => page.complaints.push(`policy: ${what}`));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => globalThis.onViolation(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(url);
  return page;
}
