/** What comes of a stream, as one of those that read it is given it: from its own place, once, in order. */

import { type ErrorCode, ResetError, type ResetReason, TidingsError } from "./errors.ts";
import { distance, isAt } from "./session/place.ts";
import type { Frame } from "./session/words.ts";
import type { From, Message, Offset, StreamOptions } from "./types.ts";

/** A `message` with its message, or `live`, `skipped`, `closed` as they came. */
export interface Given extends Frame {
  message_?: Message;
}

export type Reader = ReturnType<typeof createReader>;

export const errorOf = ({ code, message, retryable }: Frame) =>
  new TidingsError(code as ErrorCode, message as string, !!retryable);

export const createReader = (place: From, { schema, wait = true }: StreamOptions<any>) => {
  const messageOf = async ({ stream, offset, time, data, encoding }: Frame): Promise<Message> => {
    if (encoding) data = Uint8Array.from(atob(data as string), (byte) => byte.charCodeAt(0));
    const checked = await schema?.["~standard"].validate(data);
    if (checked?.issues) throw new TidingsError("invalid_message", checked.issues[0]?.message);
    return { stream: stream!, offset: offset!, time: time as string, data: checked ? checked.value : data };
  };

  const give = async (frame: Frame): Promise<Given | undefined> => {
    const { type, offset } = frame;
    const isMissing = frame.code == "stream_not_found";
    if (type == "reset" || (isMissing && isAt(place))) {
      throw new ResetError((frame.reason ?? "deleted") as ResetReason, (frame.earliest ?? null) as Offset | null, (frame.tail ?? null) as Offset | null);
    }
    if (frame.code) {
      if (type == "failed" || !(isMissing ? wait : frame.retryable)) throw errorOf(frame);
      return;
    }
    const isOld = isAt(place) && distance(place, offset!) <= 0;
    if (type == "message" && isOld) return;
    const message_ = type == "message" ? await messageOf(frame) : undefined;
    if (!isOld) place = offset!;
    return type == "subscribed" ? undefined : { ...frame, message_ };
  };

  return {
    place_: () => place,

    moveTo_: (to: From) => (place = to),

    /** What is new to this reader, together; then an error, if there is one. */
    async *give_(frames: Frame[]): AsyncGenerator<Given[], void> {
      const given = [];
      let error;
      try {
        for (const frame of frames) given.push(await give(frame));
      } catch (thrown) {
        error = thrown;
      }
      const some = given.filter((it) => it !== undefined);
      if (some.length) yield some;
      if (error) throw error;
    },
  };
};
