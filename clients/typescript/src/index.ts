/** The client of a tidings server. */

export { ResetError, TidingsError } from "./errors.ts";
export type { ClientErrorCode, ErrorCode, ResetReason, ServerErrorCode } from "./errors.ts";
export type * from "./types.ts";
