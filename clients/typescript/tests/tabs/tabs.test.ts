/** Tabs of one browser share a connection, over the real server. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, eventually } from "../support/server.ts";
import { Browser } from "../ui/browser.ts";
import type { Site, Tab } from "../ui/browser.ts";
import type { TabUnderTest } from "./page.ts";

declare const tab: TabUnderTest;

let browser: Browser;
let site: Site;
before(async () => {
  browser = await Browser.launch();
  site = await browser.serve("tabs/page.ts", "", "tabs/worker.ts");
});
after(async () => {
  await site.close();
  await browser.close();
});

const got = ({ page }: Tab) => page.evaluate(() => tab.got);
const status = ({ page }: Tab) => page.evaluate(() => tab.status());
const isLeader = async (it: Tab) => {
  const { state, transport, shared } = await status(it);
  return state === "live" && transport === "websocket" && !shared;
};

/** A server with a stream, and so many tabs that follow it. */
class Scene {
  published: number[] = [];
  tabs: Tab[] = [];
  constructor(readonly server: Server) {}

  async publish(count: number): Promise<void> {
    for (let times = 0; times < count; times += 1) {
      this.published.push(this.published.length + 1);
      await this.server.publish("a", this.published.length);
    }
  }

  async openTabs(count: number, query = ""): Promise<void> {
    for (let opened = 0; opened < count; opened += 1) {
      this.tabs.push(await site.newTab(`url=${this.server.url}${query}`));
    }
  }

  /** One tab has the connection, all others have what it serves. */
  async settled(): Promise<Tab> {
    const leader = await eventually("one leads, all are live by a websocket", async () => {
      const all = await Promise.all(this.tabs.map(status));
      if (!all.every(({ state, transport }) => state === "live" && transport === "websocket"))
        return undefined;
      const leaders = this.tabs.filter((_, at) => !all[at]?.shared);
      const { websocket } = await this.server.followers("a");
      return leaders.length === 1 && websocket === 1 ? leaders[0] : undefined;
    });
    return leader as Tab;
  }

  async allHaveAll(tabs = this.tabs): Promise<void> {
    for (const it of tabs) {
      await eventually("all messages", async () => this.published.length <= (await got(it)).length);
      assert.deepEqual(await got(it), this.published);
    }
  }
}

function tabsTest(claim: string, count: number, run: (scene: Scene) => Promise<void>): void {
  test(claim, { timeout: 120_000 }, async (t) => {
    const scene = new Scene(await Server.start());
    try {
      await scene.server.create("a");
      await scene.publish(3);
      await scene.openTabs(count);
      await run(scene);
    } catch (error) {
      for (const { page } of scene.tabs) {
        const told = await page.evaluate(() => tab.explain()).catch(String);
        t.diagnostic(JSON.stringify(told));
      }
      throw error;
    } finally {
      for (const { page } of scene.tabs) await page.close();
      await scene.server.stop();
    }
  });
}

/** What a browser tells a page before it freezes it. (It freezes only what is hidden, and under a test no page is.) */
function tellLifecycle({ page }: Tab, event: "freeze" | "resume"): Promise<boolean> {
  return page.evaluate((type) => document.dispatchEvent(new Event(type)), event);
}

/** The page does nothing else for so long. */
function hang({ page }: Tab, milliseconds: number): Promise<void> {
  return page.evaluate((span) => {
    for (const end = performance.now() + span; performance.now() < end;);
  }, milliseconds);
}

tabsTest("eight tabs make one connection, and each has every message once", 8, async (scene) => {
  await scene.settled();
  await scene.publish(10);
  await scene.allHaveAll();
  const { websocket, sse } = await scene.server.followers("a");
  assert.deepEqual([websocket, sse], [1, 0]);
  for (const { complaints } of scene.tabs) assert.deepEqual(complaints, []);
});

tabsTest(
  "the tab that leads is closed: the others go on, without loss, by one connection again",
  4,
  async (scene) => {
    const leader = await scene.settled();
    const publishing = scene.publish(50);
    await leader.page.close();
    await publishing;
    scene.tabs = scene.tabs.filter((it) => it !== leader);
    await scene.allHaveAll();
    await scene.settled();
    await scene.publish(5);
    await scene.allHaveAll();
  },
);

tabsTest(
  "the tab that leads is frozen: another takes over, and the first catches up when it is thawed",
  3,
  async (scene) => {
    const leader = await scene.settled();
    await tellLifecycle(leader, "freeze");
    await scene.publish(20);
    const others = scene.tabs.filter((it) => it !== leader);
    await scene.allHaveAll(others);
    await eventually("another leads", async () => (await Promise.all(others.map(isLeader))).includes(true));
    await tellLifecycle(leader, "resume");
    await scene.publish(5);
    await scene.allHaveAll();
    await scene.settled();
  },
);

tabsTest(
  "the tab that leads hangs: another takes over within seconds, and the first joins when it is well again",
  3,
  async (scene) => {
    const leader = await scene.settled();
    const hanging = hang(leader, 12_000);
    await scene.publish(20);
    const others = scene.tabs.filter((it) => it !== leader);
    await scene.allHaveAll(others);
    await eventually("another leads", async () => (await Promise.all(others.map(isLeader))).includes(true));
    await hanging;
    await scene.publish(5);
    await scene.allHaveAll();
    await scene.settled();
  },
);

tabsTest("a tab that does not lead publishes through the one that does", 2, async (scene) => {
  const leader = await scene.settled();
  const other = scene.tabs.find((it) => it !== leader) as Tab;
  const requests: string[] = [];
  other.page.on("request", (request) => requests.push(request.method()));
  const { offset, duplicate } = await other.page.evaluate(() => tab.publish(4));
  scene.published.push(4);
  assert.ok(offset);
  assert.equal(duplicate, false);
  await scene.allHaveAll();
  assert.deepEqual(requests, []);
  assert.deepEqual(await scene.server.stored("a"), scene.published);
});

tabsTest("a tab that is opened later joins, one that is reloaded joins again", 2, async (scene) => {
  const leader = await scene.settled();
  await scene.openTabs(1);
  await scene.settled();
  await leader.page.reload();
  await scene.publish(5);
  await scene.allHaveAll();
  await scene.settled();
});

tabsTest("pages go through one worker, whichever of them come and go", 0, async (scene) => {
  await scene.openTabs(3, "&worker&token=secret");
  const areLive = async () => {
    const all = await Promise.all(scene.tabs.map(status));
    const { websocket } = await scene.server.followers("a");
    return (
      websocket === 1 && all.every(({ state, transport }) => state === "live" && transport === "websocket")
    );
  };
  await eventually("all live by one websocket", areLive);
  const opened = await Promise.all(scene.tabs.map(({ page }) => page.evaluate(() => tab.sockets())));
  assert.deepEqual(opened, [0, 0, 0], "no page has a WebSocket of its own");
  await scene.publish(5);
  await scene.allHaveAll();

  await scene.tabs.shift()?.page.close();
  await scene.publish(5);
  await scene.allHaveAll();
  await eventually("still by one websocket", areLive);

  const { duplicate } = await (scene.tabs[0] as Tab).page.evaluate(() => tab.publish(14));
  scene.published.push(14);
  assert.equal(duplicate, false);
  await scene.allHaveAll();

  await scene.server.restart();
  await scene.publish(5);
  await scene.allHaveAll();
  await eventually("again by one websocket", areLive);
});
