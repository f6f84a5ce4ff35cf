/** Carries out what the session wants, with real connections and timers, and tells it what they hear. */

import { TidingsError } from "./errors.ts";
import type { Http } from "./http.ts";
import { watchPage } from "./lifecycle.ts";
import type { Attempt } from "./session/attempt.ts";
import { type Action, createSession, type Frame, type Question, type SessionEvent } from "./session.ts";
import { createNow } from "./time.ts";
import { askOverHttp, type Listener, openSocket, type Connection } from "./transports.ts";
import type { Clock, ConnectOptions, Explanation, Status, Timing, Transport, WebSocketLike } from "./types.ts";

/** How many attempts are remembered. */
const ATTEMPTS_MAX = 50;

/** How late a turn is that only a sleep can have delayed, and how often we look. */
const LATE = 10_000;
const TICK = 5000;

export type Driver = ReturnType<typeof createDriver>;

export const createDriver = (
  http: Http,
  options: ConnectOptions,
  clock: Clock,
  timing: Timing,
  openWebSocket: () => WebSocketLike,
  onEvent: (event: SessionEvent) => void,
  onStatus: (status: Status) => void,
) => {
  const now = createNow(clock);
  const session = createSession({
    via_: options.transport ?? "auto",
    pollInterval_: options.pollInterval,
    timing_: timing,
    random_: options.random ?? Math.random,
  });
  const connections = new Map<number, Connection>();
  const answers = new Map<string, (answer?: Frame) => void>();
  const controller = new AbortController();
  let attempts: Attempt[] = [];
  let lastId = 0;
  let timer: unknown;
  let due = Infinity;
  let isFlushDue = false;
  let isClosed = false;
  let lastError: TidingsError | undefined;
  let via = options.transport ?? "auto";
  let status: Status = { state: "idle", since: now() };

  const listener: Listener = {
    hear_(id, frames, page) {
      for (const frame of frames ?? []) answers.get(frame.id!)?.(frame);
      session.hear_(now(), id, frames, page);
      flush();
    },
    lose_(id, loss) {
      lastError = loss.error_;
      drop(id);
      session.lose_(now(), id, loss);
      flush();
    },
  };

  const drop = (id: number) => {
    const connection = connections.get(id);
    connections.delete(id);
    connection?.close_();
    if (connection?.send_) for (const answer of answers.values()) answer();
  };

  const connect = (attempt: Attempt, question: Question): Connection =>
    attempt.transport == "websocket"
      ? openSocket(http, openWebSocket, attempt, listener)
      : { close_: askOverHttp(http, timing, attempt, question, listener) };

  const perform = (action: Action) => {
    const { id_: id } = action;
    const connection = connections.get(id);
    switch (action.do_) {
      case "open":
        attempts = [...attempts.slice(1 - ATTEMPTS_MAX), action.attempt_];
        connections.set(id, connect(action.attempt_, action.question_));
        break;
      case "ask":
        connection!.close_();
        connections.set(id, connect(action.attempt_, action.question_));
        break;
      case "close":
        drop(id);
        break;
      default:
        connection!.send_!(action.frame_);
    }
  };

  const schedule = () => {
    clock.clearTimeout(timer);
    due = Math.min(session.next_(), now() + TICK);
    if (session.next_() < Infinity) timer = clock.setTimeout(onTime, Math.max(0, due - now()));
  };

  const onTime = () => {
    const time = now();
    if (time > due + LATE) session.wake_(time);
    session.turn_(time);
    flush(true);
  };

  const flush = (isTurn = session.isTurnDue_()) => {
    if (isTurn) {
      if (session.isTurnDue_()) session.turn_(now());
      session.actions_().forEach(perform);
      schedule();
    }
    session.events_().forEach(onEvent);
    if (isTurn) tellStatus();
  };

  const tellStatus = () => {
    const is = session.status_();
    const isWorking = !["idle", "connecting", "waiting", "failed"].includes(is);
    const state = isClosed ? "closed" : isWorking ? "live" : (is as Status["state"]);
    const transport = isWorking ? (is as Transport) : undefined;
    if (state == status.state && transport == status.transport) return;
    status = {
      state,
      transport,
      since: now(),
      retryAt: state == "waiting" ? session.waitUntil_() : undefined,
      error: state == "failed" ? session.error_() : state == "waiting" ? lastError : undefined,
    };
    onStatus(status);
  };

  /** Soon, so that what is wanted together is asked for together. */
  const flushSoon = () => {
    if (isFlushDue) return;
    isFlushDue = true;
    queueMicrotask(() => {
      isFlushDue = false;
      flush();
    });
  };

  watchPage(
    () => {
      session.wake_(now());
      flush();
    },
    (hidden) => {
      session.hide_(now(), hidden);
      flush();
    },
    (paused) => {
      session.pause_(now(), paused);
      flush();
    },
    controller.signal,
  );

  return {
    session_: session,
    signal_: controller.signal,
    now_: now,

    want_: ((...want) => {
      session.want_(...want);
      flushSoon();
    }) as typeof session.want_,

    drop_(stream: string) {
      session.drop_(stream);
      flushSoon();
    },

    use_(transport: Transport | "auto") {
      session.via_(now(), (via = transport));
      flush();
    },

    close_() {
      isClosed = true;
      session.pause_(now(), true);
      flush();
      controller.abort(new TidingsError("closed"));
    },

    /** Sends a publish over the live WebSocket, if there is one; the answer, or nothing when it broke. */
    publish_(frame: object): Promise<Frame | undefined> | undefined {
      const live = attempts.find((it) => it.transport == "websocket" && it.live && !it.ended && !it.isLeaving_);
      if (!live) return;
      const id = String(++lastId);
      return new Promise((resolve) => {
        const timeout = clock.setTimeout(() => answer(), timing.dialMax);
        const answer = (answer?: Frame) => {
          clock.clearTimeout(timeout);
          answers.delete(id);
          resolve(answer);
        };
        answers.set(id, answer);
        connections.get(live.id)!.send_!({ type: "publish", id, ...frame });
      });
    },

    status_: () => status,

    explain_: (): Explanation => ({
      status,
      via,
      streams: [...session.follows_.values()].map(({ name_: name, place_: place, told_: told }) => ({
        name,
        offset: place as string,
        live: !!told,
      })),
      attempts: attempts.map(({ id, transport, began, firstByte, live, ended, cause, streams_: streams }) => ({
        id,
        transport,
        began,
        firstByte,
        live,
        ended,
        cause,
        streams: [...streams.keys()],
      })),
      barred: session.barred_(),
    }),
  };
};
