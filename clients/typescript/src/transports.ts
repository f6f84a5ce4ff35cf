/** Carries out what the session wants: one function for the three transports over HTTP, one for WebSockets. */

import { type Http, lossOf, malformed, readText } from "./http.ts";
import type { Attempt } from "./session/attempt.ts";
import type { Frame, Loss, PageEnd, Question } from "./session.ts";
import { createSseParser } from "./sse.ts";
import { wireFrom } from "./session/place.ts";
import type { Timing, WebSocketLike } from "./types.ts";

/** Who is told what an attempt hears. */
export interface Listener {
  hear_(id: number, frames?: Frame[], page?: PageEnd): void;
  lose_(id: number, loss: Loss): void;
}

export const questionBody = (question: Question) =>
  JSON.stringify({ streams: question.map(([stream, from]) => ({ stream, ...wireFrom(from) })) });

const parse = (text: string) => {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("not JSON: " + text.slice(0, 80));
  }
};

/** The frames of an answer that has an end, and whether it was up to date. */
export const readFrames = async (response: Response, onBytes: () => void): Promise<[Frame[], PageEnd]> => {
  let text = "";
  await readText(response, (piece) => {
    text += piece;
    onBytes();
  });
  const frames = response.status == 204 ? [] : parse(text);
  if (!Array.isArray(frames)) throw malformed("not an array");
  const { headers } = response;
  return [
    frames,
    {
      upToDate_: response.status == 204 || headers.get("stream-up-to-date") == "true",
      interval_: +headers.get("stream-poll-interval")! * 1000 || undefined,
    },
  ];
};

/** Asks once, by poll, long poll or SSE. Gives a function that gives this up. */
export const askOverHttp = (http: Http, timing: Timing, { id, transport }: Attempt, question: Question, to: Listener) => {
  const controller = new AbortController();
  const { signal } = controller;
  const live = transport == "poll" ? "" : "?live=" + transport;
  const timeout = transport == "long-poll" ? "&timeout=" + timing.hold / 1000 : "";

  const run = async () => {
    const response = await http.ask_("/v1/read" + live + timeout, questionBody(question), signal);
    if (transport != "sse") {
      const [frames, page] = await readFrames(response, () => signal.aborted || to.hear_(id));
      return to.hear_(id, frames, page);
    }
    if (!response.headers.get("content-type")?.includes("event-stream")) throw malformed("not an event stream");
    const parser = createSseParser();
    await readText(response, (text) => signal.aborted || to.hear_(id, parser(text).map(parse)));
    throw "ended";
  };

  run().catch((error) => signal.aborted || to.lose_(id, lossOf(error)));
  return () => controller.abort();
};

/** One attempt, as it is carried out. Only WebSockets send. */
export interface Connection {
  send_?(frame: object): void;
  close_(): void;
}

/** Opens a WebSocket, or what looks like one. */
export const openSocket = (http: Http, create: () => WebSocketLike, { id }: Attempt, to: Listener): Connection => {
  let socket: WebSocketLike | undefined;
  let isClosed = false;

  const run = async () => {
    const token = await http.token_();
    if (isClosed) return;
    socket = create();
    socket.onopen = () => token && send({ type: "auth", token });
    socket.onmessage = ({ data }: { data: string }) => {
      if (isClosed) return;
      let frame;
      try {
        frame = parse(data);
      } catch (error) {
        return lose(error);
      }
      to.hear_(id, [frame]);
    };
    // Some tell of a refusal by an error alone.
    socket.onerror = () => lose("failed");
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => lose(`closed: ${code} ${reason}`);
  };

  const send = (frame: object) => socket!.send(JSON.stringify(frame));

  const close = () => {
    isClosed = true;
    socket?.close();
  };

  const lose = (error: unknown) => {
    if (isClosed) return;
    close();
    to.lose_(id, lossOf(error));
  };

  run().catch(lose);
  return { send_: send, close_: close };
};
