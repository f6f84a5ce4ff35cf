/**
 * Tabs of one browser share one connection. The tab that holds a lock leads: it has the WebSocket, and serves the others,
 * for whom it looks like the server. So a leader that goes is, for them, just a connection that is lost.
 *
 * Who wants to be served says its name in the lobby, a channel of all tabs; then both talk over a channel of that name.
 */

import type { Context } from "./context.ts";
import { asError } from "./http.ts";
import type { Hub } from "./hub.ts";
import type { Frame } from "./session/words.ts";
import type { From, Published, PublishOptions, WebSocketLike } from "./types.ts";

/** Milliseconds after which a leader that does not answer is replaced, and how long it is believed when it has: a page may hang without being gone. */
const ANSWER_MAX = 2000;
const BEAT = 5000;

/** What two tabs talk over, or a page and a worker. */
export interface Port {
  postMessage(data: unknown): void;
  close(): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
}

/** What a leader does for others. */
export interface Service {
  follow_: Hub["follow_"];
  publish_: (stream: string, data: unknown, options: PublishOptions) => Promise<Published>;
}

/** Serves one tab as a server would. Gives a function that ends this; `onEnd` is called when the tab has ended it. */
export const serve = (port: Port, { follow_: follow, publish_: publish }: Service, onEnd?: () => void) => {
  const following = new Map<string, AbortController>();
  const post = (frame: object) => port.postMessage(JSON.stringify(frame));
  const postError = (error: unknown, about: object) => {
    const { message, code, ...rest } = asError(error);
    post({ type: code == "reset" ? code : "error", code, message, ...rest, ...about });
  };

  const run = async (stream: string, from: From, { signal }: AbortController) => {
    try {
      for await (const given of follow(stream, { wait: false }, from, signal)) {
        for (const { message_, ...frame } of given) signal.aborted || post({ ...frame, stream });
      }
    } catch (error) {
      signal.aborted || postError(error, { stream });
    }
  };

  const end = () => {
    for (const controller of following.values()) controller.abort();
    port.close();
    onEnd?.();
  };

  port.onmessage = ({ data }) => {
    if (!data) return end();
    const { type, stream, offset = "now", last, id, ...rest } = JSON.parse(data) as Frame;
    if (type == "ping") post({ type: "heartbeat" });
    if (type == "publish") {
      publish(stream!, rest.data, rest as PublishOptions).then(
        (published) => post({ type: "published", id, ...published }),
        (error) => postError(error, { id }),
      );
    }
    if (type == "unsubscribe") {
      following.get(stream!)?.abort();
      post({ type: "unsubscribed", stream });
    }
    if (type == "subscribe") {
      const controller = new AbortController();
      following.set(stream!, controller);
      void run(stream!, last ? { last: last as number } : offset == "-1" ? "beginning" : offset, controller);
    }
  };
  // A hidden page may be late by a minute: its timers are held back.
  post({ type: "hello", heartbeat: 40 });

  return () => {
    port.postMessage("");
    end();
  };
};

/** A WebSocket to a leader, over a port. `onSilence` is called when nobody answers. */
export const openPort = ({ clock_: clock }: Context, port: Port, onSilence: () => void): WebSocketLike => {
  let isAnswered = false;
  let timer: unknown;
  const expect = () => {
    timer = clock.setTimeout(() => (isAnswered ? (timer = clock.setTimeout(ask, BEAT)) : onSilence()), ANSWER_MAX);
  };
  const ask = () => {
    isAnswered = false;
    socket.send('{"type":"ping"}');
    expect();
  };
  const socket: WebSocketLike = {
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send: (text) => port.postMessage(text),
    close() {
      clock.clearTimeout(timer);
      port.postMessage("");
      port.close();
    },
  };
  port.onmessage = (event) => {
    isAnswered = true;
    if (event.data) socket.onmessage!(event as never);
    else socket.onclose!(event as never);
  };
  expect();
  return socket;
};

export const createTabs = (context: Context, service: Service, openWebSocket: () => WebSocketLike) => {
  const name = "tidings:" + context.base_;
  const lobby = new BroadcastChannel(name);
  const served = new Set<() => void>();
  let isLeader = false;
  let isQueued = false;
  let isPaused = false;
  /** What this tab has open, to the server or to a leader. */
  const sockets = new Set<WebSocketLike>();
  let stepDown = () => {};
  let decide: () => void;
  const decided = new Promise<void>((resolve) => (decide = resolve));

  /** The connection has another place now. */
  const move = () => {
    for (const socket of sockets) socket.onclose?.({ type: "moved" } as never);
    for (const end of served) end();
    served.clear();
  };

  const hold = (lock: Lock | null): Promise<void> | undefined => {
    decide();
    if (!lock) return void lead({});
    if (isPaused) return;
    isLeader = true;
    move();
    lobby.postMessage("");
    return new Promise((resolve) => (stepDown = resolve));
  };

  /** Leads as soon as it may, or at once in place of one that hangs; until it no longer wants to, or another has taken over. */
  const lead = async (options: LockOptions) => {
    if (isPaused || (isQueued && !options.steal)) return;
    isQueued = true;
    await navigator.locks.request(name, options, (lock) => {
      if (!options.steal) isQueued = false;
      return hold(lock);
    }).catch(() => {});
    if (!isLeader) return;
    isLeader = false;
    move();
    void lead({});
  };

  lobby.onmessage = ({ data }) => {
    // A new leader: the old one is gone, whatever it says.
    if (!data) isLeader || move();
    else if (isLeader) {
      const end = serve(new BroadcastChannel(name + data), service, () => served.delete(end));
      served.add(end);
    }
  };

  const pause = (paused: boolean) => {
    isPaused = paused;
    if (paused) stepDown();
    else void lead({});
  };

  const keep = (socket: WebSocketLike) => {
    const close = socket.close.bind(socket);
    socket.close = () => {
      sockets.delete(socket);
      close();
    };
    sockets.add(socket);
    return socket;
  };

  context.signal_.addEventListener("abort", () => {
    pause(true);
    lobby.close();
  });
  void lead({ ifAvailable: true });

  return {
    pause_: pause,
    isShared_: () => !isLeader,

    open_: async () => {
      await decided;
      if (isLeader) return keep(openWebSocket());
      const id = String(context.random_());
      const opened = openPort(context, new BroadcastChannel(name + id), () => lead({ steal: true }));
      lobby.postMessage(id);
      return keep(opened);
    },
  };
};
