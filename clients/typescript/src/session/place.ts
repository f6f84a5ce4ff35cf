/** Offsets, and what follows on what. */

import type { From, Offset } from "../types.ts";

/** Whether a reader stands at an offset; else no answer has named one yet. */
export const isAt = (place: From | undefined): place is Offset =>
  typeof place == "string" && /^[0-9a-f]{16}_\d{16}$/.test(place);

/** The offset, if it is one. */
export const atOf = (place: From | undefined) => (isAt(place) ? place : undefined);

/** The number of messages before a place. */
export const indexOf = (offset: Offset): number => +offset.slice(17);

/**
 * How many messages lie between the place of a reader and another place: negative when it has passed that. `NaN` for
 * another incarnation: then nothing can be said, and no comparison holds.
 */
export const distance = (place: Offset, offset: Offset): number =>
  place.startsWith(offset.slice(0, 16)) ? indexOf(offset) - indexOf(place) : NaN;

/** A place, as the protocol says it. */
export const wireFrom = (from: From) =>
  typeof from == "object" ? { last: from.last } : { offset: from == "beginning" ? "-1" : from };
