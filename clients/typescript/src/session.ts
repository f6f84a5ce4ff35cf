/**
 * The session of a client: which transport is used for its streams, when to try again, what to give to the user.
 *
 * Pure: takes what is heard and `now`, says what is to be done. Knows no socket, no timer, no clock. The rules, and the
 * cases that this and the Rust client both pass, are in `conformance/session`. Times are never 0.
 */

import { TidingsError } from "./errors.ts";
import {
  type Attempt,
  type Doer,
  isLive,
  patienceEnds,
  rank,
  silenceEnds,
  TRANSPORTS,
} from "./session/attempt.ts";
import { createBars } from "./session/bars.ts";
import { atOf, distance, isAt, wireFrom } from "./session/place.ts";
import type { Frame, PageEnd } from "./session/words.ts";
import type { From, Offset, Timing, Transport } from "./types.ts";

/** Where a session stands as a whole. */
export type SessionStatus = "idle" | "connecting" | "waiting" | "failed" | Transport;

/** A stream that is wanted. */
export interface Follow {
  name_: string;
  place_: From;
  /** Whether to wait for it while it is missing. */
  wait_: boolean;
  /** The place at which the user was told that this is everything; undefined when it has fallen behind since. */
  told_?: Offset | undefined;
  /** Whether the last that was heard of it is that there is no such stream: what comes then comes after the beginning. */
  isMissing_?: boolean;
  /** How often in a row it was answered with an error. While it is not 0, only polls and WebSockets ask for it. */
  troubles_: number;
  /** When it may be asked for again. */
  retryAt_: number;
  /** When a poll last asked for it; 0 when it has to be asked for at once. */
  polledAt_: number;
}

/** @internal */
export type Session = ReturnType<typeof createSession>;

export const createSession = (
  via: Transport | "auto",
  pollInterval: number | undefined,
  timing: Timing,
  random: () => number,
  { ask_: doAsk, send_: send, close_: doClose, tell_: tell }: Doer,
  /** Where there is no WebSocket, it is not among those that may be chosen. */
  lacksWebSocket = false,
) => {
  const follows = new Map<string, Follow>();
  const bars = createBars(timing, random);
  let attempts: Attempt[] = [];
  let lastId = 0;
  /** The time of the last call, and of the last turn. */
  let time = 0;
  let turned = 0;
  let isTurnDue = false;
  /** When anything was last heard of the server. */
  let heard = 0;
  /** Whether anything was ever heard that is the protocol. */
  let hasSpoken = false;
  /** Failures in a row. */
  let tries = 0;
  /** Within which time followers shall come back that are lost, as the server has said last. */
  let returnWindow = 0;
  /** Nothing is opened before. */
  let waitUntil = 0;
  let isHidden = false;
  let isPaused = false;
  let failure: TidingsError | undefined;

  const isAllowed = (transport: Transport) =>
    via == transport || (via == "auto" && !(lacksWebSocket && transport == "websocket"));

  const isOpen = (transport: Transport) => isAllowed(transport) && !bars.isBarred_(transport, time, isHidden);

  const wanted = () => [...follows.values()];

  /**
   * Full jitter: drawn evenly from 0 to a bound that doubles. Where the server has named a longer window for all that may be lost at
   * once, first from that, and later from half of it to one and a half: so they come back evenly, whenever the server does.
   */
  const backoff = (failures: number, cap: number, window = 0) => {
    const bound = Math.min(cap, timing.backoffBase * 2 ** failures);
    return window > bound ? ((failures && 0.5) + random()) * window : random() * bound;
  };

  const waitFor = (ms: number) => {
    waitUntil = Math.max(waitUntil, time + ms);
  };

  const end = (attempt: Attempt, cause: string) => {
    attempts = attempts.filter((other) => other != attempt);
    attempt.ended = time;
    attempt.cause = cause;
  };

  const close = (attempt: Attempt, cause: string) => {
    end(attempt, cause);
    doClose(attempt);
  };

  const closeWhere = (isDone: (attempt: Attempt) => unknown, cause: string) => {
    for (const attempt of attempts) if (isDone(attempt)) close(attempt, cause);
  };

  const drop = (stream: string) => {
    isTurnDue = true;
    follows.delete(stream);
    for (const attempt of attempts) {
      const { streams_: streams } = attempt;
      if (!attempt.isGreeted_) streams.delete(stream);
      else if (streams.has(stream) && streams.get(stream) !== null) {
        streams.set(stream, null);
        send(attempt, { type: "unsubscribe", stream });
      }
    }
  };

  /** It ends for the user. */
  const finish = (stream: string, frame: Frame) => {
    drop(stream);
    tell({ ...frame, stream });
  };

  const tellLive = (follow: Follow) => {
    const offset = follow.place_ as Offset;
    if (!follow.told_) tell({ type: "live", stream: follow.name_, offset });
    follow.told_ = offset;
  };

  const forgetLive = () => {
    for (const follow of wanted()) follow.told_ = undefined;
  };

  // ---- What is heard.

  /** It brings something of ours: those that are no better have done their part. */
  const prove = (attempt: Attempt) => {
    const { transport } = attempt;
    if (attempt.isLeaving_ || transport == "poll") return;
    attempt.live ??= time;
    closeWhere(
      (other) =>
        other != attempt && (rank(other.transport) <= rank(transport) || !isAllowed(other.transport)),
      "replaced",
    );
  };

  /** A stream is answered with an error. */
  const onError = (attempt: Attempt, follow: Follow, frame: Frame) => {
    const stream = follow.name_;
    const isMissing = frame.code == "stream_not_found";
    follow.isMissing_ = isMissing;
    attempt.streams_.delete(stream);
    follow.polledAt_ = 0;
    if (isMissing ? !follow.wait_ : !frame.retryable) return finish(stream, { ...frame, type: "failed" });
    const wait = backoff(follow.troubles_++, timing.missingMax);
    follow.retryAt_ = time + ((frame.retry_after as number) * 1000 * (1 + random() / 4) || wait);
    if (isMissing) {
      // Whatever is published from now on comes after the beginning.
      follow.place_ = "beginning";
      tell(frame);
    }
  };

  /** A reset counts when it speaks of a place that nobody has gone on from; else it is asked again from there. */
  const onReset = (attempt: Attempt, follow: Follow, frame: Frame) => {
    const { name_: stream, place_: place } = follow;
    const reached = attempt.streams_.get(stream);
    follow.polledAt_ = 0;
    attempt.streams_.delete(stream);
    if (!isAt(place) || (reached && distance(reached, place) <= 0)) finish(stream, frame);
  };

  /** A frame that speaks of a stream. False when the attempt is lost by it. */
  const onFrameOf = (attempt: Attempt, follow: Follow, frame: Frame) => {
    const { type, offset } = frame;
    const { name_: stream, place_: place } = follow;
    const isKnown = isAt(place);
    if (!attempt.live) prove(attempt);
    if (type == "error") {
      if (frame.code != "stream_not_found" || !isKnown) onError(attempt, follow, frame);
      else onReset(attempt, follow, { type: "reset", reason: "deleted", earliest: null, tail: null });
      return true;
    }
    follow.troubles_ = 0;
    if (type == "reset") onReset(attempt, follow, frame);
    if (!offset || type == "reset") return true;

    // All others say that what lies before some offset was sent; a message, that the one before it was.
    const isMessage = type == "message";
    const before = type == "skipped" ? frame.from! : offset;
    const ahead = isKnown ? distance(place, before) : +isMessage;
    if (!(ahead <= +isMessage)) {
      // Asked again from the place, the server either goes on or says why it can't.
      doClose(attempt);
      lose(attempt, "gap");
      return false;
    }
    attempt.streams_.set(stream, offset);
    if (isMessage) {
      if (ahead != 1) return true;
      tries = 0;
    }
    if (isMessage || !isKnown) follow.place_ = before;
    const skipped = distance(follow.place_ as Offset, offset);
    if (isMessage) tell(frame);
    else if (type == "live") tellLive(follow);
    else if (type == "closed") {
      attempt.streams_.delete(stream);
      finish(stream, frame);
    } else if (type == "skipped" && skipped > 0) {
      // What another brings of it later is old.
      tell({ ...frame, from: follow.place_ as Offset, messages: skipped });
      follow.place_ = offset;
      follow.told_ = undefined;
    }
    return true;
  };

  const onFrame = (attempt: Attempt, frame: Frame): boolean => {
    const { type, stream } = frame;
    const { streams_: streams } = attempt;
    const follow = follows.get(stream!);
    hasSpoken = true;
    // After one more message of a stream whose place is known there is nothing to do but to wait for the next.
    isTurnDue ||= type != "message" || !attempt.live || !isAt(follow?.place_);
    if (type == "hello") {
      if (!attempt.isGreeted_) attempt.asked_ = time;
      attempt.isGreeted_ = true;
      attempt.heartbeat_ = Math.min(Math.max((frame.heartbeat as number) * 1000, 1000), 3_600_000);
    }
    const within = (frame.within as number) * 1000;
    if (type == "return") returnWindow = within;
    if (type == "drain") {
      attempt.isLeaving_ = true;
      waitFor(random() * within);
    }
    if (streams.get(stream!) === null) {
      // All that was sent before it heard that it shall leave the stream is of the past.
      if (type == "unsubscribed" || frame.code == "not_subscribed") streams.delete(stream!);
    } else if (streams.has(stream!) && !frame.id) return onFrameOf(attempt, follow!, frame);
    return true;
  };

  /** How long until the next poll, after one that had everything. */
  const interval = (advice: number) => {
    const wait = pollInterval ?? (advice || timing.pollIntervalDefault);
    const isBridge = attempts.some((it) => it.transport != "poll" && !it.isLeaving_);
    return Math.max(
      Math.min(wait, isBridge ? timing.bridgeInterval : Infinity),
      isHidden ? timing.hiddenPollInterval : 0,
    );
  };

  /** `news` is of which stream the first frame is: what is said of a crowd comes after all that is of streams. */
  const onPage = (attempt: Attempt, news: string | undefined, { upToDate_: isUpToDate, interval_: advice }: PageEnd) => {
    hasSpoken = isTurnDue = true;
    tries = 0;
    attempt.live ??= time;
    if (attempt.isLeaving_) return close(attempt, "replaced");
    for (const stream of attempt.streams_.keys()) {
      const follow = follows.get(stream)!;
      follow.troubles_ = 0;
      if (isUpToDate) tellLive(follow);
      else if (follow.told_ != follow.place_) follow.told_ = undefined;
    }
    if (via == "poll") closeWhere((other) => other != attempt, "replaced");
    attempt.restUntil_ = time;
    if (attempt.transport == "poll") attempt.restUntil_ += isUpToDate ? interval(advice) : 0;
    // It was not held, for whatever reason: asked again at once it would be a storm.
    // A server that has no room to hold anything says how often it may be asked.
    else if (!news && time < attempt.asked_ + timing.heldMin)
      attempt.restUntil_ += Math.max(timing.heldMin, advice);
  };

  // ---- What fails.

  /**
   * An attempt has failed: `refused` by us, so that asking again does not help; `malformed`, an answer that is not ours;
   * `busy`, so that asking later helps; `unreachable`; or, as the session itself finds, `silent`, or with a `gap`.
   */
  const lose = (attempt: Attempt, kind: string, error?: TidingsError) => {
    const { transport, live, isLeaving_: isLeaving } = attempt;
    const isForeign = kind == "malformed" && !hasSpoken;
    const isRefused = kind == "refused" || isForeign;
    isTurnDue = true;
    end(attempt, error?.message ?? kind);
    // What its end says about its transport.
    const isPoll = transport == "poll";
    const isLong = !isPoll && live && time - live >= timing.shortLife;
    const isBad = isRefused || (!isPoll && (kind == "malformed" || (kind == "silent" && !live)));
    if (isPoll && (kind == "unreachable" || kind == "silent")) bars.onServerAway_(heard);
    if (isLong) {
      bars.forget_(transport);
      tries = 0;
    } else if (via == "auto" && (isBad || (!isPoll && !isLeaving && kind != "busy")))
      bars.add_(transport, time, !isBad);

    if (isRefused && !attempts.length && (via != "auto" || !TRANSPORTS.some(isOpen))) {
      failure = error!;
      bars.clear_();
      for (const stream of follows.keys())
        finish(stream, { type: "failed", ...failure, message: failure.message });
    }
    if (attempts.some(isLive)) return; // It was a candidate, or has been replaced: nobody waits for it.
    if (live) forgetLive();
    // It is in whole seconds, at which others would come too.
    if (error?.retryAfter_) waitFor(error.retryAfter_ + random() * Math.max(error.retryAfter_ / 4, 1000));
    // Several that fail together wait together.
    else if (!isLeaving && waitUntil <= time) waitFor(backoff(tries++, timing.backoffCap, returnWindow));
  };

  // ---- A turn: gives up who is silent, and starts what should be running and is not.

  const running = (transport: Transport) =>
    attempts.find((it) => it.transport == transport && !it.isLeaving_);

  /** Whether this attempt may ask for the stream: of several, only one may turn `now` into an offset. */
  const mayAsk = (follow: Follow, attempt?: Attempt) =>
    isAt(follow.place_) ||
    !attempts.some((other) => other != attempt && !other.isLeaving_ && other.streams_.has(follow.name_));

  /** Notes that the attempt is asked for these streams. */
  const note = (attempt: Attempt, asked: Follow[]) => {
    attempt.asked_ = attempt.heard_ = time;
    for (const { name_: name, place_: place } of asked)
      attempt.streams_.set(name, atOf(place));
  };

  const ask = (attempt: Attempt, asked: Follow[]) => {
    if (attempt.transport == "poll") for (const follow of asked) follow.polledAt_ = time;
    attempt.restUntil_ = undefined;
    attempt.streams_.clear();
    note(attempt, asked);
    doAsk(
      attempt,
      asked.map(({ name_: name, place_: place }) => [name, place]),
    );
  };

  const open = (transport: Transport, asked: Follow[]) => {
    const attempt = {
      id: ++lastId,
      transport,
      began: time,
      heartbeat_: 25_000,
      streams_: new Map(),
    } as Attempt;
    attempts.push(attempt);
    ask(attempt, asked);
    // Taken on trust: a plain read was answered, and its first answer may take as long as it is held.
    if (transport == "long-poll") prove(attempt);
  };

  const subscribe = (attempt: Attempt) => {
    for (const follow of wanted()) {
      const { name_: stream, place_: place } = follow;
      const { streams_: streams, asked_: asked } = attempt;
      if (streams.has(stream) || follow.retryAt_ > time || !mayAsk(follow, attempt)) continue;
      const isFirst = !streams.size;
      note(attempt, [follow]);
      if (!isFirst) attempt.asked_ = asked;
      send(attempt, { type: "subscribe", stream, ...wireFrom(place) });
    }
  };

  /** What is followed is what is wanted. */
  const followChanges = (attempt: Attempt) => {
    const { transport, streams_: streams } = attempt;
    if (attempt.isLeaving_ || transport == "poll") return;
    if (transport == "websocket") return attempt.isGreeted_ && subscribe(attempt);
    const isLongPoll = transport == "long-poll";
    // A stream in trouble is left to the polls.
    const listed = wanted().filter((follow) => !follow.troubles_ && (!isLongPoll || mayAsk(follow, attempt)));
    const isShort = listed.some((follow) => !streams.has(follow.name_));
    const isMany = listed.length > timing.streamsMax;
    if (!(isLongPoll ? listed.length && !isMany : streams.size) || (isShort && !attempt.live))
      close(attempt, "other streams");
    else if (!isLongPoll) attempt.isLeaving_ = isShort;
    else if (isShort || attempt.restUntil_! <= time) ask(attempt, listed);
  };

  /** Polls while nothing live works, and for streams that are in trouble. */
  const keepPolling = () => {
    const poll = running("poll");
    const polled = wanted().filter(
      (follow) =>
        (isOpen("poll") || (follow.troubles_ && via != "websocket")) &&
        !attempts.some((it) => isLive(it) && (it.transport == "websocket" || it.streams_.has(follow.name_))),
    );
    const due = polled.filter((follow) => follow.retryAt_ <= time && mayAsk(follow, poll));
    // One question holds only so many: the next one takes those that have waited longest.
    if (due.length > timing.streamsMax)
      due.sort((one, other) => one.polledAt_ - other.polledAt_).length = timing.streamsMax;
    if (!poll) {
      if (due.length && waitUntil <= time) open("poll", due);
    } else if (poll.restUntil_) {
      if (!polled.length) close(poll, "replaced");
      else if (due.some((follow) => poll.restUntil_! <= time || !follow.polledAt_)) ask(poll, due);
    }
  };

  /** Starts the best transport that may be tried; where that is slow to show something, the next one beside it. */
  const walkDown = () => {
    for (const transport of ["websocket", "sse", "long-poll"] as const) {
      if (!isOpen(transport)) continue;
      const attempt = running(transport);
      if (attempt && !attempt.live && patienceEnds(attempt, timing) <= time) continue;
      const listed = wanted().filter((follow) => transport != "websocket" && !follow.troubles_);
      if (listed.length > timing.streamsMax) continue;
      const mayOpen = transport == "websocket" || (listed[0] && listed.every((follow) => mayAsk(follow)));
      if (!attempt && mayOpen) open(transport, listed);
      return;
    }
  };

  const turn = (now: number) => {
    time = turned = now;
    isTurnDue = false;
    if (isPaused || !follows.size) return closeWhere(() => true, isPaused ? "paused" : "unused");
    for (const attempt of attempts) {
      if (silenceEnds(attempt, timing) > time) continue;
      doClose(attempt);
      lose(attempt, "silent");
    }
    attempts.forEach(followChanges);
    keepPolling();
    if (waitUntil <= time) walkDown();
    isTurnDue = false;
  };

  /** Something has changed outside: no wait holds. */
  const restart = (now: number) => {
    time = waitUntil = now;
    isTurnDue = true;
  };

  const wake = (now: number) => {
    restart(now);
    bars.end_();
    for (const attempt of attempts) {
      if (!isLive(attempt)) {
        if (!attempt.isLeaving_) close(attempt, "woken");
        continue;
      }
      attempt.isLeaving_ = true;
      if (attempt.transport != "websocket") continue;
      attempt.probeUntil_ = now + timing.probe;
      send(attempt, { type: "ping" });
    }
  };

  return {
    /** A stream is wanted; if it is followed already, from another place. */
    want_(stream: string, from: From, wait: boolean) {
      drop(stream);
      failure = undefined;
      follows.set(stream, {
        name_: stream,
        place_: from,
        wait_: wait,
        troubles_: 0,
        retryAt_: 0,
        polledAt_: 0,
      });
    },

    drop_: drop,

    /** Frames came, or, without any, other bytes; `page` with the last of an answer to a poll or a long poll. */
    hear_(now: number, attempt: Attempt, frames: Frame[] = [], page?: PageEnd) {
      time = now;
      if (attempt.ended) return; // Given up meanwhile.
      attempt.heard_ = heard = now;
      attempt.firstByte ??= now;
      if (attempt.probeUntil_) {
        attempt.probeUntil_ = undefined;
        attempt.isLeaving_ = false;
        isTurnDue = true;
        prove(attempt);
      }
      if (frames.every((frame) => onFrame(attempt, frame)) && page)
        onPage(attempt, frames[0]?.stream, page);
    },

    /** An attempt has failed. */
    lose_(now: number, attempt: Attempt, error: TidingsError) {
      time = now;
      const { code } = error;
      const isOurs = code != "unreachable" && code != "malformed";
      if (!attempt.ended) lose(attempt, isOurs ? (error.retryable ? "busy" : "refused") : code, error);
    },

    /** Time has passed. */
    turn_: turn,

    isTurnDue_: () => isTurnDue,

    /** When the next turn is due, if nothing is heard before. */
    next_(): number {
      if (isTurnDue) return time;
      if (isPaused || !follows.size) return Infinity;
      const times = [
        waitUntil,
        ...bars.list_().map((bar) => bar.until),
        ...wanted().map((follow) => follow.retryAt_),
        ...attempts.flatMap((attempt) => [
          silenceEnds(attempt, timing),
          patienceEnds(attempt, timing),
          attempt.restUntil_ ?? 0,
        ]),
      ];
      // What was due before has been done in that turn, or waits for one of the others.
      return Math.min(...times.map((at) => (at > turned ? at : Infinity)));
    },

    /** The machine has slept, or the network has come back. */
    wake_: wake,

    hide_(now: number, hidden: boolean) {
      isHidden = hidden;
      if (!hidden) wake(now);
    },

    /** Everything is closed, until it is resumed. */
    pause_(now: number, paused: boolean) {
      restart(now);
      isPaused = paused;
      forgetLive();
    },

    via_(now: number, wanted: Transport | "auto") {
      restart(now);
      via = wanted;
      bars.clear_();
      for (const attempt of attempts) {
        if (isAllowed(attempt.transport)) continue;
        if (attempt.restUntil_) close(attempt, "not allowed");
        attempt.isLeaving_ = true;
      }
    },

    status_(): SessionStatus {
      if (failure) return "failed";
      if (!follows.size) return "idle";
      return (
        TRANSPORTS.findLast((transport) =>
          attempts.some((attempt) => attempt.live && attempt.transport == transport),
        ) ?? (attempts.length || waitUntil <= time ? "connecting" : "waiting")
      );
    },

    waitUntil_: () => waitUntil,
    error_: () => failure,
    chosen_: () => via,
    barred_: bars.list_,
    follows_: follows,
    attempts_: () => attempts,
  };
};
