/** Carries out what the session wants, with real connections and timers, and tells it what they hear. */

import type { Context } from "./context.ts";
import type { TidingsError } from "./errors.ts";
import { watchPage } from "./lifecycle.ts";
import { type Attempt, type Doer, isLive, rank } from "./session/attempt.ts";
import { atOf } from "./session/place.ts";
import type { Frame } from "./session/words.ts";
import { createSession, type Session } from "./session.ts";
import { createNow } from "./time.ts";
import { askOverHttp } from "./transport/http.ts";
import { openSocket } from "./transport/websocket.ts";
import type { Explanation, Status, Transport, WebSocketLike } from "./types.ts";

/** How many attempts are remembered. */
const ATTEMPTS_MAX = 50;

/** How late a turn is that only a sleep can have delayed, and how often we look. */
const LATE = 10_000;
const TICK = 5000;

export type Driver = ReturnType<typeof createDriver>;

export const createDriver = (
  context: Context,
  openWebSocket: () => WebSocketLike | Promise<WebSocketLike>,
  tabs: { pause_(paused: boolean): void; isShared_(): boolean } | undefined,
  tell: (frame: Frame) => void,
  onStatus: (status: Status) => void,
  lacksWebSocket: boolean,
) => {
  const { options_: options, clock_: clock, timing_: timing, signal_: signal } = context;
  const now = createNow(clock);
  const answers = new Map<string, (answer?: Frame) => void>();
  let attempts: Attempt[] = [];
  let lastId = 0;
  let timer: unknown;
  let due = Infinity;
  let lastError: TidingsError | undefined;
  let status: Status = { state: "idle", since: now() };

  const doer: Doer = {
    ask_(attempt, question) {
      const hear = (frames?: Frame[], page?: Parameters<typeof session.hear_>[3]) => {
        for (const frame of frames ?? []) answers.get(frame.id!)?.(frame);
        session.hear_(now(), attempt, frames, page);
        flush();
      };
      const lose = (error: TidingsError) => {
        if (!attempt.ended) lastError = error;
        close(attempt);
        session.lose_(now(), attempt, error);
        flush();
      };
      attempt.close_?.();
      if (!attempts.includes(attempt)) attempts = [...attempts.slice(1 - ATTEMPTS_MAX), attempt];
      if (attempt.transport == "websocket") openSocket(context, openWebSocket, attempt, hear, lose);
      else askOverHttp(context, attempt, question, hear, lose);
    },
    send_: (attempt, frame) => attempt.send_!(frame),
    close_: (attempt) => close(attempt),
    tell_: tell,
  };
  const session: Session = createSession(
    options.transport ?? "auto",
    options.pollInterval,
    timing,
    context.random_,
    doer,
    lacksWebSocket,
  );

  const close = (attempt: Attempt) => {
    attempt.close_!();
    // Whether what it was sent has arrived, nobody will say.
    if (attempt.send_) for (const answer of answers.values()) answer();
  };

  /** Takes the turn that is due, and sets the timer for the next. */
  const flush = () => session.isTurnDue_() && turn();

  const turn = () => {
    session.turn_(now());
    clock.clearTimeout(timer);
    const next = session.next_();
    if (next < Infinity) timer = clock.setTimeout(onTime, (due = Math.min(next, now() + TICK)) - now());
    tellStatus();
  };

  const onTime = () => {
    const time = now();
    if (time > due + LATE) session.wake_(time);
    turn();
  };

  const tellStatus = () => {
    const is = signal.aborted ? "closed" : session.status_();
    const isWorking = rank(is as Transport) >= 0;
    const state = (isWorking ? "live" : is) as Status["state"];
    const transport = isWorking ? (is as Transport) : undefined;
    if (state == status.state && transport == status.transport) return;
    const isWaiting = state == "waiting";
    status = {
      state,
      transport,
      since: now(),
      shared: transport == "websocket" && !!tabs?.isShared_(),
      retryAt: isWaiting ? session.waitUntil_() : undefined,
      error: isWaiting ? lastError : session.error_(),
    };
    onStatus(status);
  };

  /** Whatever is done to the session, a turn follows; soon, so that what is wanted together is asked for together. */
  const then =
    <A extends unknown[]>(call: (...values: A) => void) =>
    (...values: A) => {
      call(...values);
      queueMicrotask(flush);
    };

  const pause = then((paused: boolean) => {
    session.pause_(now(), paused);
    tabs?.pause_(paused);
  });
  watchPage(
    then(() => session.wake_(now())),
    then((hidden) => session.hide_(now(), hidden)),
    pause,
    signal,
  );
  signal.addEventListener("abort", () => {
    session.pause_(now(), true);
    flush();
  });

  return {
    follows_: session.follows_,
    want_: then(session.want_),
    drop_: then(session.drop_),
    use_: then((transport: Transport | "auto") => session.via_(now(), transport)),

    /** Sends a publish over the live WebSocket, if there is one; the answer, or nothing when it broke. */
    publish_(frame: object, signal: AbortSignal): Promise<Frame | void> | undefined {
      const live = session.attempts_().find((it) => it.send_ && isLive(it));
      const id = "" + ++lastId;
      return (
        live &&
        new Promise((resolve) => {
          const answer = (frame?: Frame) => {
            clock.clearTimeout(timer);
            answers.delete(id);
            resolve(frame);
          };
          const timer = clock.setTimeout(answer, timing.answerMax);
          answers.set(id, answer);
          signal.addEventListener("abort", () => answer());
          live.send_!({ type: "publish", id, ...frame });
        })
      );
    },

    status_: () => status,

    explain_: (): Explanation => ({
      status,
      via: session.chosen_(),
      streams: [...session.follows_.values()].map(({ name_: name, place_: place, told_: told }) => ({
        name,
        offset: atOf(place),
        live: !!told,
      })),
      attempts: attempts.map(
        ({ id, transport, began, firstByte, live, ended, cause, streams_: streams }) => ({
          id,
          transport,
          began,
          firstByte,
          live,
          ended,
          cause,
          streams: [...streams.keys()],
        }),
      ),
      barred: session.barred_(),
    }),
  };
};
