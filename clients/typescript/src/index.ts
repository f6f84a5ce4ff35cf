/**
 * The client of a tidings server: {@link connect} makes one, {@link Tidings.stream} gives a {@link Stream}.
 *
 * @module tidings
 */

export { connect } from "./connect.ts";
export { ResetError, TidingsError } from "./errors.ts";
export type { ClientErrorCode, ErrorCode, ResetReason, ServerErrorCode } from "./errors.ts";
export type * from "./types.ts";
