/** Errors: a closed set of codes, each explained in the documentation. */

import type { Offset } from "./types.ts";

/** Where each code is explained, under its own name. */
const DOCS = "docs/errors.md#";

/** Codes of the client itself. */
export type ClientErrorCode =
  /** The server can't be reached, or did not answer in time. */
  | "unreachable"
  /** What answered is not a tidings server. */
  | "malformed"
  /** As many publishes wait as may. */
  | "outbox_full"
  /** The client was closed. */
  | "closed"
  /** A message does not fit the schema of its stream, or what is published with a content type is neither text nor bytes. */
  | "invalid_message"
  /** `load` or `reduce` of a state has thrown. */
  | "state_failed";

/** Codes of the server, as `docs/protocol.md` lists them. */
export type ServerErrorCode =
  | "invalid_name"
  | "invalid_offset"
  | "invalid_parameter"
  | "invalid_header"
  | "invalid_json"
  | "invalid_frame"
  | "invalid_request"
  | "version_not_supported"
  | "encoding_not_supported"
  | "empty_body"
  | "content_type_required"
  | "content_type_refused"
  | "content_type_mismatch"
  | "not_found"
  | "stream_not_found"
  | "method_not_allowed"
  | "stream_conflict"
  | "stream_closed"
  | "reset"
  | "producer_stale"
  | "producer_epoch"
  | "producer_gap"
  | "seq_regressed"
  | "idempotency_conflict"
  | "unauthenticated"
  | "revoked"
  | "forbidden"
  | "origin_refused"
  | "too_large"
  | "uri_too_long"
  | "headers_too_large"
  | "request_timeout"
  | "upgrade_required"
  | "protocol_not_served"
  | "already_subscribed"
  | "not_subscribed"
  | "too_many_subscriptions"
  | "too_many_streams"
  | "too_many_producers"
  | "limit_exceeded"
  | "too_many_revocations"
  | "too_busy"
  | "authority_unavailable"
  | "short_of_memory"
  | "draining"
  | "storage_full"
  | "storage_failed"
  | "internal";

/** Why something failed. */
export type ErrorCode = ClientErrorCode | ServerErrorCode;

/** What went wrong, in a form that a program can act on. */
export class TidingsError extends Error {
  /** Where this code is explained. */
  readonly docs: string;
  /** Milliseconds after which to ask again, as the server says. @internal */
  retryAfter_?: number | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string = code,
    /** Whether trying again may help. What the client can try again, it has tried. */
    readonly retryable = false,
    /** The HTTP status, where there was one. */
    readonly status?: number,
  ) {
    super(message);
    this.name = "TidingsError";
    this.docs = DOCS + code;
  }
}

/** Why a place can't be continued. */
export type ResetReason = "deleted" | "trimmed" | "ahead" | "lost";

/** The place of a reader can't be continued: messages after it are gone, or it belongs to a stream that is gone. */
export class ResetError extends TidingsError {
  constructor(
    readonly reason: ResetReason,
    /** The first place that can still be read from; `null` when there is no such stream. */
    readonly earliest: Offset | null,
    /** The end of the stream; `null` when there is no such stream. */
    readonly tail: Offset | null,
  ) {
    super("reset", reason);
    this.name = "ResetError";
  }
}
