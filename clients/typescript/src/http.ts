/** Requests to the server, and how they fail. */

import { type ErrorCode, TidingsError } from "./errors.ts";
import type { Loss } from "./session.ts";
import type { ConnectOptions } from "./types.ts";

export type Http = ReturnType<typeof createHttp>;

/** Whatever was thrown, as a reason for which an attempt was lost. */
export const lossOf = (error: unknown): Loss =>
  (error as Loss).kind_ ? (error as Loss) : loss("unreachable", new TidingsError("unreachable", String(error), true));

export const loss = (kind: Loss["kind_"], error: TidingsError, retryAfter?: number): Loss => ({
  kind_: kind,
  error_: error,
  retryAfter_: retryAfter,
});

export const malformed = (what: string): Loss => loss("malformed", new TidingsError("malformed", what));

export const createHttp = (base: string, options: ConnectOptions) => {
  /** Asked anew for each connection. */
  const token = async () => (typeof options.token == "function" ? options.token() : options.token);

  return {
    token_: token,

    /** Asks. What is not a success is thrown, as a `Loss`. */
    async ask_(path: string, body: BodyInit, signal: AbortSignal, headers: Record<string, string> = {}): Promise<Response> {
      const bearer = await token();
      if (bearer) headers.authorization = "Bearer " + bearer;
      const response = await (options.fetch ?? fetch)(base + path, { method: "POST", body, headers, signal, cache: "no-store" });
      if (response.ok) return response;
      throw await refusal(response, !!bearer);
    },
  };
};

/** What an answer says that is not a success. Without a code it is of somebody on the way. */
const refusal = async (response: Response, hasToken: boolean): Promise<Loss> => {
  const { status } = response;
  const { code, detail, retryable } = await response.json().catch(() => ({}));
  const retryAfter = +response.headers.get("retry-after")! * 1000 || undefined;
  const isBusy = retryable || status == 429 || status == 503 || (status == 401 && hasToken);
  const kind = isBusy ? "busy" : code ? "refused" : status < 500 ? "malformed" : "unreachable";
  const fallback = kind == "malformed" ? kind : "unreachable";
  return loss(kind, new TidingsError((code as ErrorCode) ?? fallback, detail ?? "HTTP " + status, !code || retryable, status), retryAfter);
};

/** Reads a body as it arrives. */
export const readText = async (response: Response, onText: (text: string) => void): Promise<void> => {
  if (!response.body) return;
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onText(decoder.decode(value, { stream: true }));
  }
};
