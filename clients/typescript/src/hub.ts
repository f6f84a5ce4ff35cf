/**
 * Who follows what: any number of followers of a stream share what the session brings of it, each with a place of its own.
 *
 * A follower that joins from another place than the session's, or that was too slow, reads pages from its own place until
 * it meets what has been pushed to it meanwhile. So a slow follower is an offset, and holds at most a bounded queue.
 */

import { backOff, type Context, link } from "./context.ts";
import type { Driver } from "./driver.ts";
import { asError, readPage } from "./http.ts";
import { createReader, type Given } from "./reader.ts";
import { distance, isAt } from "./session/place.ts";
import type { Frame } from "./session/words.ts";
import type { From, StreamOptions } from "./types.ts";

interface Follower {
  /** What was pushed and not taken; undefined while nothing is pushed. */
  queue_: Frame[] | undefined;
  queueMax_: number;
  wakeUp_: () => void;
}

export type Hub = ReturnType<typeof createHub>;

export const createHub = (context: Context, driver: () => Driver) => {
  const streams = new Map<string, Set<Follower>>();

  const push = (frame: Frame) => {
    for (const follower of streams.get(frame.stream!) ?? []) {
      follower.queue_?.push(frame);
      if (follower.queue_?.length! > follower.queueMax_) follower.queue_ = undefined;
      follower.wakeUp_();
    }
  };

  const leave = (name: string, followers: Set<Follower>) => {
    // For a moment it is kept: a component that is mounted twice makes one connection.
    context.clock_.setTimeout(() => {
      if (followers.size || streams.get(name) != followers) return;
      streams.delete(name);
      driver().drop_(name);
    }, context.options_.linger ?? 1000);
  };

  /** Follows from a place until the signal, the end of the stream, or an error, which may be a reset. */
  async function* follow(
    name: string,
    options: StreamOptions<any>,
    from: From,
    outer?: AbortSignal,
    queueMax = 1000,
  ): AsyncGenerator<Given[], void> {
    const follower: Follower = { queue_: undefined, queueMax_: queueMax, wakeUp_: () => {} };
    const reader = createReader(name, from, options);
    const place = reader.place_;
    const [signal, unlink] = link(context, outer);
    const wakeUp = () => follower.wakeUp_();
    const next = () => new Promise<void>((resolve) => (follower.wakeUp_ = resolve));
    const followers = streams.get(name) ?? new Set();
    /** Where what is pushed begins. */
    let begin: From | undefined;
    let tries = 0;

    /** Reads a page, if it can. */
    const readOn = async (): Promise<Frame[]> => {
      try {
        const [frames, { upToDate_: isUpToDate }] = await readPage(context, name, place(), signal);
        tries = 0;
        // It has not seen yet what was pushed already, or the stream is missing.
        if (isUpToDate && !frames.some(({ type }) => type == "message")) await backOff(context, 0, signal);
        return frames.filter(({ type }) => type != "live");
      } catch (error) {
        if (!asError(error).retryable) throw asError(error);
        await backOff(context, tries++, signal, asError(error));
        return [];
      }
    };

    streams.set(name, followers.add(follower));
    signal.addEventListener("abort", wakeUp);
    try {
      while (!signal.aborted) {
        const followed = driver().follows_.get(name);
        let frames = follower.queue_;
        if (!frames) {
          frames = follower.queue_ = [];
          begin = followed?.place_;
          if (!followed) driver().want_(name, place(), true);
          else if (followed.isMissing_ && followed.troubles_ && !isAt(place())) reader.moveTo_(begin!);
          else if (place() == "now" && followed.told_) reader.moveTo_(begin!);
        }
        const hasMet =
          !begin ||
          begin == place() ||
          (isAt(begin) && isAt(place() as From) && distance(begin, place() as string) >= 0);
        if (!hasMet) {
          if (isAt(begin)) frames = await readOn();
          else {
            // Nobody knows yet where what is pushed begins; but perhaps that there is no such stream.
            await next();
            frames = follower.queue_!.filter(({ code }) => code);
            follower.queue_ = undefined;
          }
        } else {
          if (begin && followed?.told_) yield [{ type: "live", offset: place() as string }];
          begin = undefined;
          if (!frames.length) await next();
          frames = follower.queue_?.splice(0) ?? [];
        }
        if (signal.aborted) return;
        const [given, error] = await reader.take_(frames);
        if (given[0]) yield given;
        if (error) throw error;
        if (given.at(-1)?.type == "closed") return;
      }
    } finally {
      unlink();
      followers.delete(follower);
      if (!followers.size) leave(name, followers);
    }
  }

  return { push_: push, follow_: follow };
};
