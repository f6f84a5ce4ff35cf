/** A `WebSocket` whose other end is the server in memory. */

import { decodeName } from "./http.ts";
import type { Line } from "./network.ts";
import { parseStart } from "./names.ts";
import type { Wanted } from "./reader.ts";
import { Talk } from "./talk.ts";
import type { World } from "./world.ts";

const STREAM_ROOT = "/v1/stream/";
const PROTOCOL = "tidings.v1";

/** What was asked by one upgrade: the frames are added as they come. */
export interface Upgrade {
  url: URL;
  frames: unknown[];
}

/** Makes the class that stands in for `WebSocket`. `asked` is told of each that is made. */
export function socketClass(world: World, asked: (upgrade: Upgrade) => void): typeof WebSocket {
  class MemoryWebSocket extends EventTarget {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSING = 2;
    static readonly CLOSED = 3;
    readonly CONNECTING = 0;
    readonly OPEN = 1;
    readonly CLOSING = 2;
    readonly CLOSED = 3;
    readonly url: string;
    readonly protocol = PROTOCOL;
    readonly extensions = "";
    readonly bufferedAmount = 0;
    binaryType: BinaryType = "blob";
    readyState = 0;
    onopen: ((event: Event) => void) | null = null;
    onmessage: ((event: MessageEvent) => void) | null = null;
    onerror: ((event: Event) => void) | null = null;
    onclose: ((event: Event) => void) | null = null;
    readonly #upgrade: Upgrade;
    readonly #talk: Talk;
    readonly #line: Line;
    readonly #drained = (within: number) => {
      this.#talk.drain(within);
      this.#line.send(() => this.#over(1001, "the server drains", true));
    };

    constructor(url: string | URL, _protocols?: string | string[]) {
      super();
      const parsed = new URL(url);
      this.url = parsed.href;
      this.#upgrade = { url: parsed, frames: [] };
      asked(this.#upgrade);
      this.#line = world.network.open("websocket", () => this.#over(1006, "", false));
      this.#talk = new Talk(
        world,
        (frame) =>
          this.#line.send(() => this.#emit(new MessageEvent("message", { data: JSON.stringify(frame) }))),
        () => this.#over(1006, "", false),
      );
      const refused =
        world.network.refused.has("websocket") || (parsed.pathname !== "/v1/ws" && !this.#first());
      if (refused) queueMicrotask(() => this.#over(1006, "", false));
      // What swallows frames lets the handshake pass.
      else if (this.#line.dead && !world.network.unplugged) queueMicrotask(() => this.#opened());
      else this.#line.send(() => this.#begin());
    }

    #begin(): void {
      this.#opened();
      world.draining.add(this.#drained);
      this.#talk.begin(this.#first());
    }

    /** The stream that the address names. */
    #first(): Wanted | undefined {
      const { pathname, searchParams } = this.#upgrade.url;
      if (!pathname.startsWith(STREAM_ROOT)) return undefined;
      const start = parseStart(
        searchParams.get("offset") ?? undefined,
        searchParams.get("last") ?? undefined,
        "now",
      );
      return { stream: decodeName(pathname.slice(STREAM_ROOT.length)), start };
    }

    send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
      if (this.readyState === 0) throw new DOMException("the WebSocket is not open yet", "InvalidStateError");
      if (this.readyState !== 1 || this.#line.dead) return;
      if (typeof data !== "string") return this.#over(1003, "there is no binary subprotocol", true);
      world.clock.touch();
      this.#upgrade.frames.push(JSON.parse(data));
      this.#talk.hear(data);
    }

    close(code = 1005, reason = ""): void {
      if (this.readyState >= 2) return;
      this.readyState = 2;
      this.#leave();
      queueMicrotask(() => this.#over(code, reason, true));
    }

    #opened(): void {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.#emit(new Event("open"));
    }

    /** Nothing is followed for it any more. */
    #leave(): void {
      world.draining.delete(this.#drained);
      this.#talk.end();
      this.#line.end();
    }

    #over(code: number, reason: string, wasClean: boolean): void {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.#leave();
      if (!wasClean) this.#emit(new Event("error"));
      // Not every runtime has a CloseEvent.
      this.#emit(Object.assign(new Event("close"), { code, reason, wasClean }));
    }

    #emit(event: Event): void {
      if (this.readyState === 2 && event.type === "message") return;
      world.clock.touch();
      const handler = this[`on${event.type}` as "onopen"];
      handler?.call(this, event);
      this.dispatchEvent(event);
    }
  }
  return MemoryWebSocket as unknown as typeof WebSocket;
}
