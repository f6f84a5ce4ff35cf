// The browser under test: the Chromium of the system, with a profile of its own.

import { access, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromium } from "playwright-core"

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium"
// Without these it asks for the hosts of its maker at every start.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

/** A running browser without a profile; each `newContext` of it is another device. */
export async function launchChromium(flags = []) {
  await checkChromium()
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args: [...FLAGS, ...flags] })
}

async function checkChromium() {
  await access(CHROMIUM).catch(() => {
    throw new Error(`there is no ${CHROMIUM}: \`apt-get install chromium\`, or name one in CHROMIUM`)
  })
}

/** A running browser; `options` are those of a context of Playwright. */
export class Browser {
  static async launch(options = {}) {
    await checkChromium()
    const folder = await mkdtemp(join(tmpdir(), "tidings-chromium-"))
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: CHROMIUM,
      headless: true,
      args: FLAGS,
      ...options,
    })
    return Object.assign(new Browser(), { folder, context })
  }

  async close() {
    await this.context.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}
