/** Refusals: the codes of the protocol, with what the real server says about them. */

interface Facts {
  status: number;
  title: string;
  retryable?: true;
}

/** The codes that this server can answer with. */
const CODES = {
  invalid_name: { status: 400, title: "Invalid stream name" },
  invalid_offset: { status: 400, title: "Invalid offset" },
  invalid_parameter: { status: 400, title: "Invalid parameter" },
  invalid_header: { status: 400, title: "Invalid header" },
  invalid_json: { status: 400, title: "Invalid JSON" },
  invalid_frame: { status: 400, title: "Invalid WebSocket message" },
  empty_body: { status: 400, title: "Nothing to publish" },
  content_type_required: { status: 400, title: "Content-Type required" },
  content_type_refused: { status: 415, title: "Content-Type refused" },
  content_type_mismatch: { status: 409, title: "Another content type" },
  not_found: { status: 404, title: "No such path" },
  stream_not_found: { status: 404, title: "No such stream" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  stream_conflict: { status: 409, title: "The stream is another" },
  stream_closed: { status: 409, title: "The stream is closed" },
  reset: { status: 410, title: "The offset can't be continued" },
  idempotency_conflict: { status: 422, title: "Idempotency key used before" },
  too_large: { status: 413, title: "Too large" },
  upgrade_required: { status: 426, title: "Upgrade required" },
  already_subscribed: { status: 409, title: "Already subscribed" },
  not_subscribed: { status: 404, title: "Not subscribed" },
  too_many_subscriptions: { status: 429, title: "Too many subscriptions" },
  too_busy: { status: 503, title: "Too busy", retryable: true },
  internal: { status: 500, title: "Internal error", retryable: true },
} satisfies Record<string, Facts>;

/** The word of a refusal. */
export type Code = keyof typeof CODES;

/** Why a reader can't go on, and where it may. */
export interface Reset {
  reason: "deleted" | "trimmed" | "ahead" | "lost";
  earliest: string | null;
  tail: string | null;
}

/** A refusal on its way to whoever asked. */
export class Problem extends Error {
  constructor(
    readonly code: Code,
    readonly detail: string,
    readonly headers: Record<string, string> = {},
    readonly reset?: Reset,
  ) {
    super(`${code}: ${detail}`);
  }

  get facts(): Facts {
    return CODES[this.code];
  }

  /** As the answer to a request. */
  response(): Response {
    const { status, title, retryable = false } = this.facts;
    const body = {
      type: "about:blank",
      title,
      status,
      code: this.code,
      detail: this.detail,
      retryable,
      ...this.reset,
    };
    const headers = {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      ...this.headers,
    };
    return new Response(JSON.stringify(body), { status, headers });
  }

  /** As a frame. */
  frame(about: { id?: string; stream?: string }): object {
    const { retryable = false } = this.facts;
    return { type: "error", ...about, code: this.code, message: this.detail, retryable };
  }
}

/** "No such stream." */
export function streamNotFound(): Problem {
  return new Problem("stream_not_found", "create the stream with PUT, or publish with `create=true`");
}

/** "No such path." */
export function notFound(): Problem {
  return new Problem("not_found", "a stream is at /v1/stream/{name}, the list of streams at /v1/streams");
}
