/** Chromium, with pages that run a bundle of ours. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { type BrowserContext, type Page, chromium } from "playwright-core";

declare const ROOT: string;

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
// Without these it asks for the hosts of its maker at every start.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A running browser. */
export class Browser {
  private constructor(
    private readonly folder: string,
    private readonly context: BrowserContext,
  ) {}

  static async launch(): Promise<Browser> {
    const folder = await mkdtemp(join(tmpdir(), "tidings-chromium-"));
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: CHROMIUM,
      headless: true,
      args: FLAGS,
    });
    return new Browser(folder, context);
  }

  async close(): Promise<void> {
    await this.context.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A page with that body and a bundle of a file in `tests`, and whatever it complains about. */
  async open(
    script: string,
    body = "",
  ): Promise<{ page: Page; complaints: string[]; close: () => Promise<void> }> {
    const code = await bundle(script);
    const site = createServer((request, response) => {
      const isScript = request.url === "/page.js";
      response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8");
      response.end(
        isScript
          ? code
          : `<!doctype html><title>test</title><link rel="icon" href="data:,"><div id="root">${body}</div><script src="/page.js"></script>`,
      );
    }).listen(0, "127.0.0.1");
    await once(site, "listening");
    const page = await this.context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
    const close = async () => {
      await page.close();
      site.closeAllConnections();
      await new Promise((closed) => site.close(closed));
    };
    return { page, complaints, close };
  }
}

async function bundle(script: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, "tests", script)],
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    define: {
      "process.env.NODE_ENV": '"development"',
      __VUE_OPTIONS_API__: "false",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "true",
    },
  });
  return outputFiles[0]?.text ?? "";
}
