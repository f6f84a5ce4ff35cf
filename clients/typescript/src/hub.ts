/**
 * Who follows what: any number of followers of a stream share what the session brings of it, each with a place of its own.
 *
 * A follower that joins from another place than the session's, or that was too slow, reads pages from its own place until
 * it meets what has been pushed to it meanwhile. So a slow follower is an offset, and holds at most a bounded buffer.
 */

import { ResetError, type TidingsError } from "./errors.ts";
import type { Driver } from "./driver.ts";
import { type Http, lossOf } from "./http.ts";
import { errorOf, messageOf, readPage, resetError } from "./page.ts";
import { distance, isAt } from "./session/place.ts";
import type { SessionEvent } from "./session.ts";
import { sleep } from "./time.ts";
import type { Clock, From, Message, Offset, Skipped, Timing } from "./types.ts";

/** What a follower is given: messages, or the end of what is stored for now, or a marker, or the end of the stream. */
export type Given =
  | { messages_: Message[] }
  | { live_: Offset }
  | { skipped_: Skipped }
  | { closed_: Offset };

export interface FollowSettings {
  from_: From;
  signal_: AbortSignal;
  wait_?: boolean | undefined;
  buffer_?: number | undefined;
}

interface Follower {
  events_: SessionEvent[];
  /** How many messages are in them. */
  count_: number;
  bufferMax_: number;
  /** Whether it is given what comes. */
  isAttached_: boolean;
  wakeUp_: () => void;
}

export type Hub = ReturnType<typeof createHub>;

export const createHub = (driver: () => Driver, http: Http, clock: Clock, timing: Timing, random: () => number, linger: number) => {
  const streams = new Map<string, Set<Follower>>();

  const join = (name: string, follower: Follower) => {
    const followers = streams.get(name);
    if (followers) followers.add(follower);
    else streams.set(name, new Set([follower]));
  };

  const leave = (name: string, follower: Follower) => {
    const followers = streams.get(name)!;
    followers.delete(follower);
    // For a moment it is kept: a component that is mounted twice makes one connection.
    if (!followers.size) {
      clock.setTimeout(() => {
        if (followers.size || streams.get(name) != followers) return;
        streams.delete(name);
        driver().drop_(name);
      }, linger);
    }
  };

  const onEvent = (event: SessionEvent) => {
    for (const follower of streams.get(event.stream_) ?? []) {
      if (follower.isAttached_) {
        follower.events_.push(event);
        if (event.type_ == "messages") follower.count_ += event.frames_.length;
        if (follower.count_ > follower.bufferMax_) detach(follower);
      }
      follower.wakeUp_();
    }
  };

  const detach = (follower: Follower) => {
    follower.isAttached_ = false;
    follower.events_ = [];
    follower.count_ = 0;
  };

  const next = (follower: Follower) => new Promise<void>((resolve) => (follower.wakeUp_ = resolve));

  /** Reads a page, until it is read or can't be. */
  const readOn = async (name: string, place: From, signal: AbortSignal, wait: boolean) => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await readPage(http, name, place, signal);
      } catch (error) {
        const { code } = error as TidingsError;
        if (code == "stream_not_found" && isAt(place)) throw new ResetError("deleted", null, null);
        if (code && (code != "stream_not_found" || !wait)) throw error;
        if (lossOf(error).kind_ == "refused") throw lossOf(error).error_;
        await sleep(clock, random() * Math.min(timing.backoffCap, timing.backoffBase * 2 ** tries), signal);
        if (signal.aborted) throw error;
      }
    }
  };

  /** Follows from a place until the signal, the end of the stream, or an error, which may be a reset. */
  async function* follow(name: string, settings: FollowSettings): AsyncGenerator<Given, void> {
    const { signal_: signal, wait_: wait = true, buffer_: bufferMax = 1000 } = settings;
    const follower: Follower = { events_: [], count_: 0, bufferMax_: bufferMax, isAttached_: false, wakeUp_: () => {} };
    const onAbort = () => follower.wakeUp_();
    let place = settings.from_;
    /** Where what is pushed begins. */
    let begin = place;

    /** Reads pages until they meet what is pushed. */
    async function* catchUp(): AsyncGenerator<Given, void> {
      while (!signal.aborted) {
        const followed = driver().session_.follows_.get(name);
        if (!follower.isAttached_) {
          follower.isAttached_ = true;
          if (!followed) return driver().want_(name, place, true);
          begin = followed.place_;
          if (place == "now" && followed.told_) place = begin;
        }
        if (begin == place || (isAt(begin) && isAt(place) && distance(begin, place) >= 0)) {
          if (followed?.told_) yield { live_: place as Offset };
          return;
        }
        if (!isAt(begin)) {
          await next(follower);
          detach(follower);
          continue;
        }
        const page = await readOn(name, place, signal, wait);
        place = page.offset;
        if (page.messages.length) yield { messages_: page.messages as Message[] };
        // It has not seen yet what was pushed already.
        else if (page.upToDate) await sleep(clock, timing.backoffBase, signal);
      }
    }

    /** What an event is to this follower; nothing when it is old. */
    const take = (event: SessionEvent): Given | undefined => {
      if (event.type_ == "failed") throw event.error_;
      if (event.type_ == "messages") {
        const frames = event.frames_.filter(({ offset }) => !isAt(place) || distance(place, offset!) > 0);
        follower.count_ -= event.frames_.length;
        if (!frames.length) return;
        place = frames.at(-1)!.offset!;
        return { messages_: frames.map(messageOf) };
      }
      const { frame_: frame } = event;
      const offset = frame.offset!;
      switch (event.type_) {
        case "reset":
          throw resetError(frame);
        case "missing":
          if (!wait) throw errorOf(frame);
          return;
        case "closed":
          return { closed_: offset };
        case "skipped":
          place = offset;
          return { skipped_: frame as unknown as Skipped };
        case "live":
          if (!isAt(place)) place = offset;
          return { live_: place };
      }
    };

    signal.addEventListener("abort", onAbort);
    join(name, follower);
    try {
      while (!signal.aborted) {
        yield* catchUp();
        while (follower.isAttached_ && !signal.aborted) {
          const event = follower.events_.shift();
          const given = event && take(event);
          if (given) yield given;
          if (given && "closed_" in given) return;
          if (!event) await next(follower);
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      leave(name, follower);
    }
  }

  return { onEvent_: onEvent, follow_: follow };
};
