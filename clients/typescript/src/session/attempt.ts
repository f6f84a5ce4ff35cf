/** One try of one transport: how far it has come, and how long it may stay silent. */

import type { Frame, Question } from "./words.ts";
import type { Offset, Timing, Transport } from "../types.ts";

/** From worst to best. */
export const TRANSPORTS: readonly Transport[] = ["poll", "long-poll", "sse", "websocket"];

export const rank = (transport: Transport): number => TRANSPORTS.indexOf(transport);

/** The part without underscores is what `explain()` shows. */
export interface Attempt {
  id: number;
  transport: Transport;
  began: number;
  firstByte?: number;
  /** When the first frame that speaks of a stream came: until then it is pending. */
  live?: number;
  ended?: number;
  cause?: string;

  /**
   * What it was asked for, and the place that it has itself come to in each. `null`: it was asked to leave that stream,
   * and until it has, what it says of it is of the past.
   */
  streams_: Map<string, Offset | undefined | null>;
  /** It still brings messages, but another is to take its place. */
  isLeaving_?: boolean;
  /** A WebSocket that has said `hello`. */
  isGreeted_?: boolean;
  /** When it was last dialled, greeted or asked. */
  asked_: number;
  heard_: number;
  heartbeat_: number;
  /** A poll or a long poll between an answer and the next question: when to ask. */
  restUntil_?: number | undefined;
  /** A WebSocket that was asked for a sign of life: how long that may take. */
  probeUntil_?: number | undefined;

  /** The connection, which is the driver's. */
  close_?: () => void;
  send_?: (frame: object) => void;
}

/** What a session wants done. It is done at once; whatever comes of it is told later. */
export interface Doer {
  /** Asks, over HTTP, in place of what was asked before; or dials a WebSocket. */
  ask_(attempt: Attempt, question: Question): void;
  send_(attempt: Attempt, frame: object): void;
  close_(attempt: Attempt): void;
  /** The user is told: a frame of the server, or one made up in the same form. */
  tell_(frame: Frame): void;
}

/** Whether it brings messages and is to stay. Polls don't count: they never replace anything. */
export const isLive = ({ transport, live, isLeaving_: isLeaving }: Attempt) => transport != "poll" && live && !isLeaving;

/** Until when nothing else is tried beside it. */
export const patienceEnds = ({ asked_: asked, transport }: Attempt, timing: Timing) =>
  asked + (transport == "websocket" ? timing.sseAfter : timing.longPollAfter);

/** When it has been silent for too long. */
export const silenceEnds = (attempt: Attempt, timing: Timing): number => {
  const { transport, heard_: heard } = attempt;
  if (attempt.restUntil_) return Infinity;
  if (transport == "poll") return heard + timing.answerMax;
  if (transport == "long-poll") return heard + timing.hold + timing.holdSlack;
  const isWaitingForPlaces = attempt.isGreeted_ && !attempt.streams_.size;
  return (
    attempt.probeUntil_ ??
    // Before something of ours has come, other bytes don't count: a proxy may send them.
    (attempt.live || isWaitingForPlaces ? heard + 2.5 * attempt.heartbeat_ : attempt.asked_ + timing.dialMax)
  );
};
