// Real reverse proxies, with the settings that the guide gives: its code blocks are taken as they stand there, but for the ports.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { eventually, freePort } from "../../../conformance/foreign/server.mjs";

const GUIDE = resolve(import.meta.dirname, "../../../docs/guide/5-behind-a-proxy.md");
const READY_MS_MAX = 15_000;
const PORTS_TRIED_MAX = 8;
/** Where Debian keeps what only root runs. */
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** How each program is started with a block of the guide, in a folder of its own. */
const PROGRAMS = {
  nginx: {
    file: "nginx.conf",
    settings: (block) => `
      daemon off; worker_processes 1; pid nginx.pid; error_log stderr; ${isRoot() ? "user root;" : ""}
      events { worker_connections 512; }
      http {
        access_log off;
        client_body_temp_path body; proxy_temp_path proxied; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
        ${block}
      }`,
    command: (folder, file) => ["nginx", "-p", folder, "-c", file, "-e", "stderr"],
  },
  haproxy: {
    file: "haproxy.cfg",
    settings: (block) => `global\n  maxconn 2000\n\n${block}`,
    command: (_, file) => ["haproxy", "-f", file],
  },
  caddy: {
    file: "Caddyfile",
    settings: (block) => `{\n  admin off\n  auto_https off\n}\n\n${block}`,
    command: (_, file) => ["caddy", "run", "--adapter", "caddyfile", "--config", file],
  },
};

/** Each proxy with the settings of the guide, which transports get through, and which a client that chooses ends on. */
export const FRONTS = [
  ["nginx", "first", { websocket: false, chosen: "sse" }],
  ["nginx", "recommended", { websocket: true, chosen: "websocket" }],
  ["haproxy", "first", { websocket: true, chosen: "websocket" }],
  ["haproxy", "recommended", { websocket: true, chosen: "websocket" }],
  ["caddy", "recommended", { websocket: true, chosen: "websocket" }],
];

/** A block of the guide: ```` ```nginx first ````. */
export async function guideBlock(program, name) {
  const guide = await readFile(GUIDE, "utf8");
  const found = guide.match(new RegExp(`^\`\`\`${program} ${name}\n([^]*?)^\`\`\`$`, "m"));
  if (found === null) throw new Error(`the guide has no block "${program} ${name}"`);
  return found[1];
}

/** A reverse proxy that is running. */
export class Front {
  #child;
  #printed = "";

  /** Starts `program` with a block of the guide in front of `port`; `change` makes other settings of it. */
  static async start(program, name, port, change = (block) => block) {
    const block = change(await guideBlock(program, name));
    for (let tried = 0; tried < PORTS_TRIED_MAX; tried += 1) {
      const front = new Front();
      front.name = `${program} ${name}`;
      front.isRecommended = name === "recommended";
      front.port = await freePort();
      front.url = `http://127.0.0.1:${front.port}`;
      try {
        await front.#launch(PROGRAMS[program], withPorts(block, front.port, port));
        return front;
      } catch (error) {
        await front.stop();
        if (!/in use/i.test(String(error))) throw error;
      }
    }
    throw new Error(`${PORTS_TRIED_MAX} ports in a row were in use`);
  }

  get printed() {
    return this.#printed;
  }

  async stop() {
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const patience = setTimeout(() => child.kill("SIGKILL"), 2_000);
      await ended;
      clearTimeout(patience);
    }
    if (this.folder !== undefined) await rm(this.folder, { recursive: true, force: true });
  }

  async #launch({ file, settings, command }, block) {
    this.folder = await mkdtemp(join(tmpdir(), "tidings-front-"));
    await mkdir(join(this.folder, "logs"));
    const path = join(this.folder, file);
    await writeFile(path, settings(block));
    const [program, ...flags] = command(this.folder, path);
    const env = { ...process.env, PATH, HOME: this.folder };
    const child = spawn(program, flags, { cwd: this.folder, env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    let failed;
    child.on("error", (error) => (failed = error));
    for (const pipe of [child.stdout, child.stderr]) pipe.setEncoding("utf8").on("data", (text) => this.#print(text));
    await eventually(`${this.name} is ready`, READY_MS_MAX, async () => {
      if (failed) throw failed;
      if (child.exitCode !== null) throw new Error(`${this.name} ended and printed:\n${this.#printed}`);
      const answer = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      return answer?.ok;
    });
  }

  #print(text) {
    this.#printed = (this.#printed + text).slice(-10_000);
  }
}

function withPorts(block, port, upstream) {
  const placed = block
    .replaceAll("127.0.0.1:4437", `127.0.0.1:${upstream}`)
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("bind :80", `bind 127.0.0.1:${port}`)
    .replace(/^updates\.example\.com \{/m, `http://127.0.0.1:${port} {`);
  if (!placed.includes(`127.0.0.1:${port}`)) throw new Error("the block of the guide does not say where it listens");
  return placed;
}

function isRoot() {
  return process.getuid?.() === 0;
}
