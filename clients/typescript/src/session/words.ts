/** What a session hears and says. */

import type { From, Offset } from "../types.ts";

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
  interval_: number;
}

/** Streams, and from where they are asked for. */
export type Question = [stream: string, from: From][];
