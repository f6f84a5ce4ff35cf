/** What comes of a stream, as one of those that read it is given it: from its own place, once, in order. */

import { type ErrorCode, ResetError, TidingsError } from "./errors.ts";
import { distance, isAt } from "./session/place.ts";
import type { Frame } from "./session/words.ts";
import type { From, Message, Offset, StreamOptions } from "./types.ts";

/** A `message` with its message, or `live`, `skipped`, `closed` as they came. */
export interface Given extends Frame {
  message_?: Message | undefined;
}

export type Reader = ReturnType<typeof createReader>;

export const errorOf = ({ code, message, retryable, retry_after: after }: Frame) =>
  Object.assign(new TidingsError(code as ErrorCode, message as string, !!retryable), {
    retryAfter_: (after as number) * 1000 || 0,
  });

/** An empty segment, one of dots, what the protocol keeps for itself, and what is no text. */
const WRONG_NAME = /(^|\/)\.{0,2}(\/|$)|^__ds(\/|$)|\p{Cc}|\p{Cs}/u;

/** One wrong name or offset would fail the request for all streams. */
export const check = (name: string, from: From) => {
  if (typeof name != "string" || WRONG_NAME.test(name) || new TextEncoder().encode(name).length > 1024)
    throw new TidingsError("invalid_name", String(name));
  const { last } = Object(from);
  if (from != "now" && from != "beginning" && !isAt(from) && !(Number.isSafeInteger(last) && last >= 0))
    throw new TidingsError("invalid_offset", JSON.stringify(from));
};

export const createReader = (name: string, place: From, { schema, wait = true }: StreamOptions<any>) => {
  check(name, place);

  const messageOf = async ({ stream, offset, time, data, encoding }: Frame): Promise<Message> => {
    if (encoding) data = Uint8Array.from(atob(data as string), (byte) => byte.charCodeAt(0));
    const checked = await schema?.["~standard"].validate(data);
    if (checked?.issues) throw new TidingsError("invalid_message", checked.issues[0]?.message);
    return { stream: stream!, offset: offset!, time: time as string, data: checked ? checked.value : data };
  };

  const give = async (frame: Frame): Promise<Given | undefined> => {
    const { type, offset, code } = frame;
    const isMissing = code == "stream_not_found";
    if (type == "reset" || (isMissing && isAt(place))) {
      const { reason = "deleted", earliest = null, tail = null } = frame as unknown as Partial<ResetError>;
      throw new ResetError(reason, earliest, tail);
    }
    if (code) {
      if (type == "failed" || !(isMissing ? wait : frame.retryable)) throw errorOf(frame);
      return;
    }
    const isOld = isAt(place) && distance(place, offset!) <= 0;
    const message_ = type == "message" && !isOld ? await messageOf(frame) : undefined;
    if (!isOld) place = offset!;
    if (message_ || (type != "message" && type != "subscribed")) return { ...frame, message_ };
  };

  return {
    place_: () => place,

    moveTo_: (to: From) => (place = to),

    /** What is new to this reader, up to the first error, and that. */
    async take_(frames: Frame[]): Promise<[Given[], unknown]> {
      const taken: Given[] = [];
      try {
        for (const frame of frames) {
          const given = await give(frame);
          if (given) taken.push(given);
        }
      } catch (error) {
        return [taken, error];
      }
      return [taken, undefined];
    },
  };
};
