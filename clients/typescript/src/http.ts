/** Requests to the server, what they are answered, and how they fail. */

import { type Context, within } from "./context.ts";
import { type ErrorCode, TidingsError } from "./errors.ts";
import { wireFrom } from "./session/place.ts";
import type { Frame, PageEnd, Question } from "./session/words.ts";
import type { From } from "./types.ts";

/** Whatever was thrown. What can't be parsed is not of our server; all else means that it can't be reached. */
export const asError = (error: unknown): TidingsError =>
  error instanceof TidingsError
    ? error
    : new TidingsError(error instanceof SyntaxError ? "malformed" : "unreachable", String(error), true);

/** The token, asked anew for each connection. */
export const bearer = async ({ options_: { token } }: Context) =>
  typeof token == "function" ? token() : token;

/** Asks. What is not a success is thrown. */
export const request = async (
  context: Context,
  path: string,
  body: BodyInit,
  signal: AbortSignal,
  headers: Record<string, string> = {},
): Promise<Response> => {
  const token = await bearer(context);
  if (token) headers.authorization = "Bearer " + token;
  const response = await (context.options_.fetch ?? fetch)(context.base_ + path, {
    method: "POST",
    body,
    headers,
    signal,
    cache: "no-store",
  });
  const { ok, status } = response;
  if (ok) return response;
  // Without a code it is the answer of somebody on the way.
  const isBusy = status == 429 || status == 503;
  const { code, detail, retryable }: { code?: ErrorCode; detail?: string; retryable?: boolean } = {
    code: isBusy ? "too_busy" : status < 500 ? "malformed" : "unreachable",
    retryable: isBusy || status > 499,
    ...(await response.json().catch(() => {})),
  };
  // The next token may be a better one.
  const error = new TidingsError(
    code!,
    detail ?? "HTTP " + status,
    retryable || (status == 401 && !!token),
    status,
  );
  // It may be a date, of a proxy.
  error.retryAfter_ = +response.headers.get("retry-after")! * 1000 || 0;
  throw error;
};

/** Asks for streams. */
export const ask = (context: Context, query: string, question: Question, signal: AbortSignal) =>
  request(
    context,
    "/v1/read" + query,
    JSON.stringify({ streams: question.map(([stream, from]) => ({ stream, ...wireFrom(from) })) }),
    signal,
  );

/** Asks for a page of one stream. */
export const readPage = (context: Context, stream: string, from: From, signal: AbortSignal) =>
  within(context, signal, async (limited, heard) =>
    readFrames(await ask(context, "", [[stream, from]], limited), heard),
  );

/** More than this is no answer of ours: a page holds a megabyte, or one message. */
const TEXT_MAX = 1 << 26;

/** What is read and not understood yet, within bounds. */
export const bounded = (text: string) => {
  if (text.length > TEXT_MAX) throw new SyntaxError("too large");
  return text;
};

/** Reads a body as it arrives. */
export const readText = async ({ body }: Response, onText: (text: string) => void): Promise<void> => {
  const decoder = new TextDecoder();
  const reader = body!.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onText(decoder.decode(value, { stream: true }));
  }
};

/** The frames of an answer that has an end, and what it says of them. */
export const readFrames = async (response: Response, onBytes?: () => void): Promise<[Frame[], PageEnd]> => {
  const { status, headers } = response;
  const isEmpty = status == 204;
  let text = isEmpty ? "[]" : "";
  if (!isEmpty) {
    await readText(response, (piece) => {
      text = bounded(text + piece);
      onBytes?.();
    });
  }
  const frames = JSON.parse(text);
  if (!frames.every) throw new SyntaxError("no array");
  // What is said of a crowd is a frame elsewhere.
  const number = (name: string) => +headers.get("stream-" + name)! || 0;
  for (const type of ["return", "drain"]) {
    const within = number(type + "-within");
    if (within) frames.push({ type, within });
  }
  return [
    frames,
    {
      upToDate_: isEmpty || headers.has("stream-up-to-date"),
      interval_: number("poll-interval") * 1000,
    },
  ];
};
