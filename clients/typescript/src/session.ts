/**
 * The session of a client: which transport is used for its streams, when to try again, what to give to the user.
 *
 * Pure: takes what is heard and `now`, gives actions and events. Knows no socket, no timer, no clock. The rules, and the
 * cases that this and the Rust client both pass, are in `conformance/session`.
 */

import { TidingsError } from "./errors.ts";
import { type Attempt, createAttempt, isLive, patienceEnds, rank, silenceEnds, TRANSPORTS } from "./session/attempt.ts";
import { createBars } from "./session/bars.ts";
import { distance, isAt, wireFrom } from "./session/place.ts";
import type { ErrorCode } from "./errors.ts";
import type { From, Offset, Timing, Transport } from "./types.ts";

/** A frame of the protocol, as it came. */
export interface Frame {
  type: string;
  stream?: string;
  id?: string;
  offset?: Offset;
  from?: Offset;
  code?: string;
  [member: string]: unknown;
}

/** The end of the answer to a poll or a long poll. */
export interface PageEnd {
  upToDate_: boolean;
  /** The server's advice, in milliseconds. */
  interval_?: number | undefined;
}

/**
 * How an attempt was lost. `refused`: by us, and asking again does not help. `malformed`: what answered is not ours. `busy`:
 * asking again later helps. `silent` and `gap` are found by the session itself.
 */
export interface Loss {
  kind_: "unreachable" | "refused" | "malformed" | "busy" | "silent" | "gap";
  /** Milliseconds. */
  retryAfter_?: number | undefined;
  error_?: TidingsError | undefined;
}

/** Streams, and from where they are asked for. */
export type Question = [stream: string, from: From][];

/** What the driver has to do. `send` is for WebSockets, and ready to be sent. */
export type Action =
  | { do_: "open" | "ask"; id_: number; attempt_: Attempt; question_: Question }
  | { do_: "send"; id_: number; frame_: ClientFrame }
  | { do_: "close"; id_: number };

/** What a session says over a WebSocket. */
export type ClientFrame = { type: "subscribe" | "unsubscribe" | "ping"; stream?: string; offset?: string; last?: number };

/** What the user is told. All but `messages` and `failed` carry a frame, made up where none came. */
export type SessionEvent =
  | { type_: "messages"; stream_: string; frames_: Frame[] }
  | { type_: "live" | "skipped" | "reset" | "closed" | "missing"; stream_: string; frame_: Frame }
  | { type_: "failed"; stream_: string; error_: TidingsError };

/** Where a session stands as a whole. */
export type SessionStatus = "idle" | "connecting" | "waiting" | "failed" | Transport;

export interface SessionOptions {
  via_: Transport | "auto";
  pollInterval_?: number | undefined;
  timing_: Timing;
  random_: () => number;
}

/** A stream that is wanted. */
export interface Follow {
  name_: string;
  place_: From;
  /** Whether to wait for it while it is missing. */
  wait_: boolean;
  /** The place at which the user was told that this is everything; undefined when it has fallen behind since. */
  told_: Offset | undefined;
  /** How often in a row it was answered with an error. While it is not 0, only polls and WebSockets ask for it. */
  troubles_: number;
  /** When it may be asked for again. */
  retryAt_: number;
}

export type Session = ReturnType<typeof createSession>;

export const createSession = ({ via_: via, pollInterval_: pollInterval, timing_: timing, random_: random }: SessionOptions) => {
  const follows = new Map<string, Follow>();
  const bars = createBars(timing, random);
  let actions: Action[] = [];
  let events: SessionEvent[] = [];
  let attempts: Attempt[] = [];
  let lastId = 0;
  /** The time of the last call. */
  let time = 0;
  let isTurnDue = false;
  /** When anything was last heard of the server. */
  let heard = 0;
  /** Whether anything was ever heard that is the protocol. */
  let hasSpoken = false;
  /** Failures in a row. */
  let tries = 0;
  /** Nothing is opened before. */
  let waitUntil = 0;
  let isHidden = false;
  let isPaused = false;
  let failure: TidingsError | undefined;

  const isAllowed = (transport: Transport) => via == "auto" || via == transport;

  const isOpen = (transport: Transport) => isAllowed(transport) && !bars.isBarred_(transport, time, isHidden);

  /** Full jitter: drawn evenly from 0 to a bound that doubles. */
  const backoff = (failures: number, cap: number) => random() * Math.min(cap, timing.backoffBase * 2 ** failures);

  const end = (attempt: Attempt, cause: string) => {
    attempts = attempts.filter((other) => other != attempt);
    attempt.ended = time;
    attempt.cause = cause;
  };

  const send = (attempt: Attempt, type: ClientFrame["type"], stream?: string, from?: From) =>
    actions.push({ do_: "send", id_: attempt.id, frame_: { type, stream, ...(from && wireFrom(from)) } });

  const close = (attempt: Attempt, cause: string) => {
    end(attempt, cause);
    actions.push({ do_: "close", id_: attempt.id });
  };

  const closeWhere = (isDone: (attempt: Attempt) => unknown, cause: string) => {
    for (const attempt of attempts) if (isDone(attempt)) close(attempt, cause);
  };

  // ---- What the user is told.

  const tell = (type: "live" | "skipped" | "reset" | "closed" | "missing", stream: string, frame: Frame) =>
    events.push({ type_: type, stream_: stream, frame_: frame });

  const tellLive = (follow: Follow) => {
    const offset = follow.place_ as Offset;
    if (!follow.told_) tell("live", follow.name_, { type: "live", offset });
    follow.told_ = offset;
  };

  const tellMessage = (stream: string, frame: Frame) => {
    const last = events.at(-1);
    if (last?.type_ == "messages" && last.stream_ == stream) last.frames_.push(frame);
    else events.push({ type_: "messages", stream_: stream, frames_: [frame] });
  };

  const fail = (follow: Follow, error: TidingsError) => {
    drop(follow.name_);
    events.push({ type_: "failed", stream_: follow.name_, error_: error });
  };

  const drop = (stream: string) => {
    follows.delete(stream);
    for (const attempt of attempts) {
      if (!attempt.streams_.has(stream)) continue;
      if (attempt.transport != "websocket") attempt.streams_.delete(stream);
      else if (attempt.streams_.get(stream) !== null) {
        attempt.streams_.set(stream, null);
        send(attempt, "unsubscribe", stream);
      }
    }
  };

  // ---- What is heard.

  /** It brings something of ours: those that are no better have done their part. */
  const onProof = (attempt: Attempt) => {
    if (attempt.isLeaving_ || attempt.transport == "poll") return;
    attempt.live ??= time;
    closeWhere(
      (other) => other != attempt && (rank(other.transport) <= rank(attempt.transport) || !isAllowed(other.transport)),
      "replaced by " + attempt.transport,
    );
  };

  /** Everything before `offset` was sent. False when something is missing; the attempt is then lost. */
  const reach = (attempt: Attempt, follow: Follow, offset: Offset) => {
    if (!isAt(follow.place_)) follow.place_ = offset;
    if (!(distance(follow.place_, offset) <= 0)) return onGap(attempt);
    attempt.streams_.set(follow.name_, offset);
    return true;
  };

  const onGap = (attempt: Attempt) => {
    actions.push({ do_: "close", id_: attempt.id });
    // Asked again from the place, the server either goes on or says why it can't.
    onLost(attempt, { kind_: "gap" });
    return false;
  };

  const onMessage = (attempt: Attempt, follow: Follow, frame: Frame) => {
    const offset = frame.offset!;
    const ahead = isAt(follow.place_) ? distance(follow.place_, offset) : 1;
    if (!(ahead <= 1)) return onGap(attempt);
    attempt.streams_.set(follow.name_, offset);
    if (ahead == 1) {
      follow.place_ = offset;
      tries = 0;
      tellMessage(follow.name_, frame);
    }
    return true;
  };

  /** What was skipped and nobody else has brought is told; what another brings of it later is old. */
  const onSkipped = (attempt: Attempt, follow: Follow, frame: Frame) => {
    const offset = frame.offset!;
    if (!isAt(follow.place_)) follow.place_ = frame.from!;
    if (!(distance(follow.place_, frame.from!) <= 0)) return onGap(attempt);
    attempt.streams_.set(follow.name_, offset);
    const messages = distance(follow.place_, offset);
    if (messages > 0) {
      tell("skipped", follow.name_, { ...frame, from: follow.place_, messages });
      follow.place_ = offset;
      follow.told_ = undefined;
    }
    return true;
  };

  const onReset = (attempt: Attempt, follow: Follow, frame: Frame) => {
    const reached = attempt.streams_.get(follow.name_);
    attempt.streams_.delete(follow.name_);
    // Else it speaks of a place that others have gone on from meanwhile: it is asked again from there.
    if (!isAt(follow.place_) || (reached && distance(reached, follow.place_) <= 0)) {
      drop(follow.name_);
      tell("reset", follow.name_, frame);
    }
    return true;
  };

  const onError = (attempt: Attempt, follow: Follow, frame: Frame) => {
    const isMissing = frame.code == "stream_not_found";
    if (isMissing && isAt(follow.place_)) {
      return onReset(attempt, follow, { type: "reset", reason: "deleted", earliest: null, tail: null });
    }
    attempt.streams_.delete(follow.name_);
    if (isMissing ? !follow.wait_ : !frame.retryable) {
      fail(follow, new TidingsError(frame.code as ErrorCode, frame.message as string, !!frame.retryable));
      return true;
    }
    follow.retryAt_ = time + backoff(follow.troubles_++, timing.missingMax);
    if (isMissing) {
      // Whatever is published from now on comes after the beginning.
      follow.place_ = "beginning";
      tell("missing", follow.name_, frame);
    }
    return true;
  };

  const onDrain = (attempt: Attempt, windowMs: number) => {
    attempt.isLeaving_ = true;
    waitUntil = Math.max(waitUntil, time + random() * windowMs);
  };

  /** A frame that speaks of a stream. False when the attempt is lost by it. */
  const onFrameOf = (attempt: Attempt, follow: Follow, frame: Frame) => {
    if (attempt.live === undefined) onProof(attempt);
    if (frame.type == "error") return onError(attempt, follow, frame);
    follow.troubles_ = 0;
    if (frame.type == "message") return onMessage(attempt, follow, frame);
    if (frame.type == "skipped") return onSkipped(attempt, follow, frame);
    if (frame.type == "reset") return onReset(attempt, follow, frame);
    if (!reach(attempt, follow, frame.offset!)) return false;
    if (frame.type == "live") tellLive(follow);
    if (frame.type == "closed") {
      attempt.streams_.delete(follow.name_);
      drop(follow.name_);
      tell("closed", follow.name_, frame);
    }
    return true;
  };

  const onFrame = (attempt: Attempt, frame: Frame): boolean => {
    hasSpoken = true;
    // After one more message of a stream whose place is known there is nothing to do but to wait for the next.
    isTurnDue ||= frame.type != "message" || !attempt.live || !isAt(follows.get(frame.stream!)?.place_ ?? "");
    const stream = frame.stream!;
    const reached = attempt.streams_.get(stream);
    if (frame.type == "hello") {
      if (!attempt.isGreeted_) attempt.asked_ = time;
      attempt.isGreeted_ = true;
      attempt.heartbeat_ = Math.min(Math.max((frame.heartbeat as number) * 1000, 1000), 3_600_000);
    } else if (frame.type == "drain") {
      onDrain(attempt, (frame.within as number) * 1000);
    } else if (reached === null) {
      // All that was sent before it heard that it shall leave the stream is of the past.
      if (frame.type == "unsubscribed" || frame.code == "not_subscribed") attempt.streams_.delete(stream);
    } else if (attempt.streams_.has(stream) && frame.id === undefined) {
      return onFrameOf(attempt, follows.get(stream)!, frame);
    }
    return true;
  };

  /** How long until the next poll, after one that had everything. */
  const interval = (advice: number | undefined) => {
    let wait = pollInterval ?? advice ?? timing.pollIntervalDefault;
    if (attempts.some((it) => it.transport != "poll" && !it.isLeaving_)) wait = Math.min(wait, timing.bridgeInterval);
    return isHidden ? Math.max(wait, timing.hiddenPollInterval) : wait;
  };

  const onPage = (attempt: Attempt, count: number, page: PageEnd) => {
    hasSpoken = isTurnDue = true;
    tries = 0;
    attempt.live ??= time;
    if (attempt.isLeaving_) return close(attempt, "replaced");
    for (const stream of attempt.streams_.keys()) {
      const follow = follows.get(stream)!;
      follow.troubles_ = 0;
      if (page.upToDate_) tellLive(follow);
      else if (follow.told_ != follow.place_) follow.told_ = undefined;
    }
    if (via == "poll") closeWhere((other) => other != attempt, "replaced by poll");
    const wait =
      attempt.transport == "poll"
        ? page.upToDate_ && interval(page.interval_)
        : // It was not held, for whatever reason: asked again at once it would be a storm.
          !count && time < attempt.asked_ + timing.heldMin && timing.heldMin;
    attempt.restUntil_ = time + (wait || 0);
  };

  // ---- What fails.

  /** What the end of an attempt says about its transport. */
  const judge = ({ transport, live, isLeaving_: isLeaving }: Attempt, { kind_: kind }: Loss) => {
    if (transport == "poll") {
      if (kind == "unreachable" || kind == "silent") bars.onServerAway_(heard);
      if (kind == "refused" || (kind == "malformed" && !hasSpoken)) bars.add_(transport, time);
    } else if (live !== undefined && time - live >= timing.shortLife) {
      bars.forget_(transport);
      tries = 0;
    } else if (kind == "refused" || kind == "malformed" || (kind == "silent" && live === undefined)) {
      bars.add_(transport, time);
    } else if (!isLeaving && kind != "busy") {
      bars.addShortLife_(transport, time);
    }
  };

  const onLost = (attempt: Attempt, loss: Loss) => {
    const { kind_: kind, retryAfter_: retryAfter } = loss;
    isTurnDue = true;
    end(attempt, loss.error_?.message ?? kind);
    if (via == "auto") judge(attempt, loss);
    if (
      (kind == "refused" || (kind == "malformed" && !hasSpoken)) &&
      !attempts.length &&
      (via != "auto" || !TRANSPORTS.some(isOpen))
    ) {
      return failAll(loss.error_ ?? new TidingsError(kind == "refused" ? "forbidden" : "malformed"));
    }
    if (attempts.some(isLive)) return; // It was a candidate, or has been replaced: nobody waits for it.
    if (attempt.live !== undefined) forgetLive();
    if (retryAfter !== undefined) waitFor(retryAfter * (1 + random() / 4));
    // Several that fail together wait together.
    else if (!attempt.isLeaving_ && waitUntil <= time) waitFor(backoff(tries++, timing.backoffCap));
  };

  const waitFor = (ms: number) => {
    waitUntil = Math.max(waitUntil, time + ms);
  };

  const failAll = (error: TidingsError) => {
    failure = error;
    bars.clear_();
    for (const follow of follows.values()) fail(follow, error);
  };

  // ---- A turn: gives up who is silent, and starts what should be running and is not.

  /** Whether this attempt may ask for the stream: of several, only one may turn `now` into an offset. */
  const mayAsk = (follow: Follow, attempt?: Attempt) =>
    isAt(follow.place_) ||
    !attempts.some((other) => other != attempt && !other.isLeaving_ && other.streams_.has(follow.name_));

  /** The streams that SSE and long polls follow. */
  const listed = () => [...follows.values()].filter((follow) => !follow.troubles_);

  /** Notes what the attempt is asked for. */
  const question = (attempt: Attempt, asked: Follow[]): Question => {
    attempt.asked_ = attempt.heard_ = time;
    attempt.restUntil_ = undefined;
    attempt.streams_ = new Map(asked.map(({ name_: name, place_: place }) => [name, isAt(place) ? place : undefined]));
    return asked.map(({ name_: name, place_: place }) => [name, place]);
  };

  const ask = (attempt: Attempt, asked: Follow[], how: "open" | "ask" = "ask") =>
    actions.push({ do_: how, id_: attempt.id, attempt_: attempt, question_: question(attempt, asked) });

  const open = (transport: Transport, asked: Follow[]) => {
    const attempt = createAttempt(++lastId, transport, time);
    attempts.push(attempt);
    ask(attempt, asked, "open");
    // Taken on trust: a plain read was answered, and its first answer may take as long as it is held.
    if (transport == "long-poll") onProof(attempt);
  };

  const subscribe = (attempt: Attempt) => {
    for (const follow of follows.values()) {
      const { name_: name, place_: place } = follow;
      if (attempt.streams_.has(name) || follow.retryAt_ > time || !mayAsk(follow, attempt)) continue;
      if (!attempt.streams_.size) attempt.asked_ = attempt.heard_ = time;
      attempt.streams_.set(name, isAt(place) ? place : undefined);
      send(attempt, "subscribe", name, place);
    }
  };

  /** What is followed is what is wanted. */
  const followChanges = () => {
    for (const attempt of attempts) {
      const { transport } = attempt;
      if (transport == "poll" || attempt.isLeaving_) continue;
      if (transport == "websocket") {
        if (attempt.isGreeted_) subscribe(attempt);
        continue;
      }
      const isLongPoll = transport == "long-poll";
      const list = listed().filter((follow) => !isLongPoll || mayAsk(follow, attempt));
      const isShort = list.some((follow) => !attempt.streams_.has(follow.name_));
      if (isLongPoll) {
        if (!list.length) close(attempt, "nothing to ask");
        else if (isShort || attempt.restUntil_! <= time) ask(attempt, list);
      } else if (!attempt.streams_.size || (isShort && attempt.live === undefined)) close(attempt, "other streams");
      else if (isShort) attempt.isLeaving_ = true;
    }
  };

  /** Polls while nothing live works, and for streams that are in trouble. */
  const keepPolling = () => {
    const isPolled = (follow: Follow) =>
      (isOpen("poll") || (follow.troubles_ && via != "websocket")) &&
      !attempts.some((it) => isLive(it) && (it.transport == "websocket" || it.streams_.has(follow.name_)));
    const poll = attempts.find((attempt) => attempt.transport == "poll" && !attempt.isLeaving_);
    const polled = [...follows.values()].filter(isPolled);
    const due = polled.filter((follow) => follow.retryAt_ <= time && mayAsk(follow, poll));
    if (!poll) {
      if (due.length && waitUntil <= time) open("poll", due);
    } else if (poll.restUntil_ !== undefined) {
      if (!polled.length) close(poll, "nothing to ask");
      else if (due.some((follow) => poll.restUntil_! <= time || !poll.streams_.has(follow.name_))) ask(poll, due);
    }
  };

  /** Starts the best transport that may be tried; where that is slow to show something, the next one beside it. */
  const walkDown = () => {
    if (time < waitUntil) return;
    for (const transport of ["websocket", "sse", "long-poll"] as const) {
      if (!isOpen(transport)) continue;
      const running = attempts.find((attempt) => attempt.transport == transport && !attempt.isLeaving_);
      if (!running) {
        if (transport == "websocket") open(transport, []);
        else if (listed().length && listed().every((follow) => mayAsk(follow))) open(transport, listed());
        return;
      }
      if (running.live !== undefined || time < patienceEnds(running, timing)) return;
    }
  };

  const turn = () => {
    isTurnDue = false;
    if (isPaused || !follows.size) return closeWhere(() => true, isPaused ? "paused" : "nothing to follow");
    for (const attempt of attempts) {
      if (silenceEnds(attempt, timing) > time) continue;
      actions.push({ do_: "close", id_: attempt.id });
      onLost(attempt, { kind_: "silent" });
    }
    followChanges();
    keepPolling();
    walkDown();
  };

  const wake = (now: number) => {
    time = waitUntil = now;
    isTurnDue = true;
    bars.end_();
    for (const attempt of attempts) {
      if (!isLive(attempt)) {
        if (!attempt.isLeaving_) close(attempt, "woken");
        continue;
      }
      attempt.isLeaving_ = true;
      if (attempt.transport != "websocket") continue;
      attempt.probeUntil_ = now + timing.probe;
      send(attempt, "ping");
    }
  };

  const forgetLive = () => {
    for (const follow of follows.values()) follow.told_ = undefined;
  };

  const status = (): SessionStatus => {
    if (failure) return "failed";
    if (!follows.size) return "idle";
    const working = attempts.filter((attempt) => attempt.live !== undefined);
    const best = working.sort((one, other) => rank(other.transport) - rank(one.transport))[0];
    return best ? best.transport : attempts.length || waitUntil <= time ? "connecting" : "waiting";
  };

  return {
    /** A stream is wanted; if it is followed already, from another place. */
    want_(stream: string, from: From, wait: boolean) {
      drop(stream);
      failure = undefined;
      isTurnDue = true;
      follows.set(stream, { name_: stream, place_: from, wait_: wait, told_: undefined, troubles_: 0, retryAt_: 0 });
    },

    drop_(stream: string) {
      drop(stream);
      isTurnDue = true;
    },

    /** Frames came, or, without any, other bytes; `page` with the last of an answer to a poll or a long poll. */
    hear_(now: number, id: number, frames: Frame[] = [], page?: PageEnd) {
      const attempt = attempts.find((it) => it.id == id);
      time = now;
      if (!attempt) return; // Given up meanwhile.
      attempt.heard_ = heard = now;
      attempt.firstByte ??= now;
      if (attempt.probeUntil_) {
        attempt.probeUntil_ = undefined;
        attempt.isLeaving_ = false;
        isTurnDue = true;
        onProof(attempt);
      }
      if (frames.every((frame) => onFrame(attempt, frame)) && page) onPage(attempt, frames.length, page);
    },

    /** An attempt has failed. */
    lose_(now: number, id: number, loss: Loss) {
      const attempt = attempts.find((it) => it.id == id);
      time = now;
      if (attempt) onLost(attempt, loss);
    },

    /** Time has passed. */
    turn_(now: number) {
      time = now;
      turn();
    },

    /** When the next turn is due, if nothing is heard before. */
    next_(): number {
      if (isTurnDue) return time;
      if (isPaused || !follows.size) return Infinity;
      const times = [
        waitUntil,
        ...bars.list_().map((bar) => bar.until),
        ...[...follows.values()].map((follow) => follow.retryAt_),
        ...attempts.flatMap((attempt) => [
          silenceEnds(attempt, timing),
          patienceEnds(attempt, timing),
          attempt.restUntil_ ?? 0,
        ]),
      ];
      // What was due before has been done in that turn, or waits for one of the others.
      return Math.min(...times.map((at) => (at > time ? at : Infinity)));
    },

    /** The machine has slept, or the network has come back. */
    wake_: wake,

    hide_(now: number, hidden: boolean) {
      isHidden = hidden;
      if (!hidden) wake(now);
    },

    /** Everything is closed, until it is resumed. */
    pause_(now: number, paused: boolean) {
      time = waitUntil = now;
      isPaused = paused;
      isTurnDue = true;
      forgetLive();
    },

    via_(now: number, wanted: Transport | "auto") {
      time = waitUntil = now;
      via = wanted;
      isTurnDue = true;
      bars.clear_();
      for (const attempt of attempts) {
        if (isAllowed(attempt.transport)) continue;
        if (attempt.restUntil_ !== undefined) close(attempt, "another transport");
        attempt.isLeaving_ = true;
      }
    },

    isTurnDue_: () => isTurnDue,
    actions_: () => actions.splice(0),
    events_: () => events.splice(0),
    status_: status,
    waitUntil_: () => waitUntil,
    error_: () => failure,
    barred_: bars.list_,
    follow_: (stream: string) => follows.get(stream),
    follows_: follows,
  };
};
