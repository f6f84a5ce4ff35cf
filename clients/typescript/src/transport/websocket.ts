/** A WebSocket, or what looks like one. */

import type { Context } from "../context.ts";
import { asError, bearer } from "../http.ts";
import type { Attempt } from "../session/attempt.ts";
import type { WebSocketLike } from "../types.ts";
import type { Hear, Lose } from "./http.ts";

export const openSocket = async (context: Context, create: () => WebSocketLike | Promise<WebSocketLike>, attempt: Attempt, hear: Hear, lose: Lose) => {
  let socket: WebSocketLike | undefined;
  const send = (attempt.send_ = (frame) => socket?.send(JSON.stringify(frame)));
  attempt.close_ = () => {
    const opened = socket;
    // Some call back from within.
    socket = undefined;
    opened?.close();
  };
  try {
    const token = await bearer(context);
    const created = await create();
    if (attempt.ended) return created.close();
    socket = created;
    socket.onopen = () => token && send({ type: "auth", token });
    socket.onmessage = ({ data }: { data: string }) => {
      let frame;
      try {
        frame = JSON.parse(data);
      } catch (error) {
        return lose(asError(error));
      }
      hear([frame]);
    };
    // Some tell of a refusal by an error alone.
    socket.onclose = socket.onerror = ({ type, code }: { type: string; code?: number }) => lose(asError(`${type} ${code ?? ""}`));
  } catch (error) {
    lose(asError(error));
  }
};
