// Clients that follow, in this process or in a page of Chromium. Both kinds are asked the same things.

import { connect } from "../dist/index.js";
import { Following } from "./following.mjs";

/** A client in this process. */
export class NodeClient {
  kind = "Node";

  constructor(url, names, options = {}) {
    this.tidings = connect(url, { tabs: false, ...options });
    this.following = new Following(this.tidings, names);
  }

  async snapshot() {
    return this.following.snapshot();
  }

  async explain() {
    return this.tidings.explain();
  }

  async use(transport) {
    this.tidings.use(transport);
  }

  async publish(name, data) {
    return this.tidings.stream(name).publish(data);
  }

  async forgetLateness() {
    this.following.forgetLateness();
  }

  async close() {
    await this.following.stop();
    this.tidings.close();
  }
}

/** A client in a page. */
export class PageClient {
  kind = "Chromium";
  /** What the page's console showed as an error, and what it threw. */
  console = [];

  static async open(browser, url, names, options = {}, prepare = async () => {}) {
    const client = new PageClient();
    const page = await browser.context.newPage();
    client.page = page;
    page.on("console", (message) => message.type() === "error" && client.console.push(message.text()));
    page.on("pageerror", (error) => client.console.push(String(error)));
    await prepare(page);
    await page.goto(`${url}/page.html`, { waitUntil: "load" });
    await page.waitForFunction(() => globalThis.begin !== undefined);
    await page.evaluate(([names, options]) => globalThis.begin(names, options), [names, { tabs: false, ...options }]);
    return client;
  }

  snapshot() {
    return this.page.evaluate(() => globalThis.following.snapshot());
  }

  explain() {
    return this.page.evaluate(() => globalThis.tidings.explain());
  }

  use(transport) {
    return this.page.evaluate((transport) => globalThis.tidings.use(transport), transport);
  }

  publish(name, data) {
    return this.page.evaluate(([name, data]) => globalThis.tidings.stream(name).publish(data), [name, data]);
  }

  forgetLateness() {
    return this.page.evaluate(() => globalThis.following.forgetLateness());
  }

  close() {
    return this.page.close();
  }
}
