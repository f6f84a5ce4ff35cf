/** Poll, long poll and SSE: one question to `/v1/read`, and what it is answered. */

import type { Context } from "../context.ts";
import type { TidingsError } from "../errors.ts";
import { ask, asError, bounded, readFrames, readText } from "../http.ts";
import type { Attempt } from "../session/attempt.ts";
import type { Frame, PageEnd, Question } from "../session/words.ts";

export type Hear = (frames?: Frame[], page?: PageEnd) => void;
export type Lose = (error: TidingsError) => void;

/**
 * What we need of server-sent events: each `data:` line is a frame, the server writes no other. Takes text in any pieces,
 * gives the frames that are complete.
 */
export const createSseParser = () => {
  let rest = "";
  return (text: string): Frame[] => {
    const lines = (rest + text).split(/\r?\n/);
    rest = bounded(lines.pop()!);
    return lines.filter((line) => line.startsWith("data:")).map((line) => JSON.parse(line.slice(5)));
  };
};

export const askOverHttp = (
  context: Context,
  attempt: Attempt,
  question: Question,
  hear: Hear,
  lose: Lose,
) => {
  const controller = new AbortController();
  const { signal } = controller;
  const { transport } = attempt;

  const run = async () => {
    const query = transport == "poll" ? "" : `?live=${transport}&timeout=${context.timing_.hold / 1000}`;
    const response = await ask(context, query, question, signal);
    if (transport != "sse") return hear(...(await readFrames(response, () => signal.aborted || hear())));
    if (!response.headers.get("content-type")?.includes("event-stream"))
      throw new SyntaxError("no event-stream");
    const parse = createSseParser();
    await readText(response, (text) => signal.aborted || hear(parse(text)));
    throw "ended";
  };

  attempt.close_ = () => controller.abort();
  run().catch((error) => signal.aborted || lose(asError(error)));
};
