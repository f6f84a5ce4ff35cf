/** Reads one page of one stream, without following it. */

import { type ErrorCode, ResetError, type ResetReason, TidingsError } from "./errors.ts";
import type { Http } from "./http.ts";
import type { Frame } from "./session.ts";
import { questionBody, readFrames } from "./transports.ts";
import type { From, Message, Offset, Page } from "./types.ts";

export const resetError = ({ reason, earliest, tail }: Frame) =>
  new ResetError(reason as ResetReason, earliest as Offset | null, tail as Offset | null);

export const messageOf = ({ stream, offset, time, data, encoding }: Frame): Message => ({
  stream: stream!,
  offset: offset!,
  time: time as string,
  data: encoding ? Uint8Array.from(atob(data as string), (byte) => byte.charCodeAt(0)) : data,
});

export const errorOf = ({ code, message, retryable }: Frame) =>
  new TidingsError(code as ErrorCode, message as string, !!retryable);

export const readPage = async (http: Http, stream: string, from: From, signal: AbortSignal): Promise<Page> => {
  const response = await http.ask_("/v1/read", questionBody([[stream, from]]), signal);
  const [frames, end] = await readFrames(response, () => {});
  const messages: Message[] = [];
  let offset = from as Offset;
  let closed = false;
  for (const frame of frames) {
    if (frame.type == "error") throw errorOf(frame);
    if (frame.type == "reset") throw resetError(frame);
    if (frame.type == "message") messages.push(messageOf(frame));
    closed ||= frame.type == "closed";
    offset = frame.offset!;
  }
  return { messages, offset, upToDate: end.upToDate_, closed };
};
