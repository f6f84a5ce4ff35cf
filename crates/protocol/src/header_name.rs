//! Names of headers, in lower case, and the lists that CORS needs.

/// `Access-Control-Allow-Credentials`
pub const ACCESS_CONTROL_ALLOW_CREDENTIALS: &str = "access-control-allow-credentials";
/// `Access-Control-Allow-Headers`
pub const ACCESS_CONTROL_ALLOW_HEADERS: &str = "access-control-allow-headers";
/// `Access-Control-Allow-Methods`
pub const ACCESS_CONTROL_ALLOW_METHODS: &str = "access-control-allow-methods";
/// `Access-Control-Allow-Origin`
pub const ACCESS_CONTROL_ALLOW_ORIGIN: &str = "access-control-allow-origin";
/// `Access-Control-Expose-Headers`
pub const ACCESS_CONTROL_EXPOSE_HEADERS: &str = "access-control-expose-headers";
/// `Access-Control-Max-Age`
pub const ACCESS_CONTROL_MAX_AGE: &str = "access-control-max-age";
/// `Allow`
pub const ALLOW: &str = "allow";
/// `Authorization`
pub const AUTHORIZATION: &str = "authorization";
/// `Cache-Control`
pub const CACHE_CONTROL: &str = "cache-control";
/// `Connection`
pub const CONNECTION: &str = "connection";
/// `Content-Encoding`
pub const CONTENT_ENCODING: &str = "content-encoding";
/// `Content-Length`
pub const CONTENT_LENGTH: &str = "content-length";
/// `Content-Security-Policy`
pub const CONTENT_SECURITY_POLICY: &str = "content-security-policy";
/// `Content-Type`
pub const CONTENT_TYPE: &str = "content-type";
/// `Cookie`
pub const COOKIE: &str = "cookie";
/// `Cross-Origin-Resource-Policy`
pub const CROSS_ORIGIN_RESOURCE_POLICY: &str = "cross-origin-resource-policy";
/// `Date`
pub const DATE: &str = "date";
/// `ETag`
pub const ETAG: &str = "etag";
/// `Expect`
pub const EXPECT: &str = "expect";
/// `Forwarded`
pub const FORWARDED: &str = "forwarded";
/// `Host`
pub const HOST: &str = "host";
/// `Idempotency-Key`
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `If-None-Match`
pub const IF_NONE_MATCH: &str = "if-none-match";
/// `Last-Event-ID`
pub const LAST_EVENT_ID: &str = "last-event-id";
/// `Location`
pub const LOCATION: &str = "location";
/// `Origin`
pub const ORIGIN: &str = "origin";
/// `Producer-Epoch`
pub const PRODUCER_EPOCH: &str = "producer-epoch";
/// `Producer-Expected-Seq`
pub const PRODUCER_EXPECTED_SEQ: &str = "producer-expected-seq";
/// `Producer-Id`
pub const PRODUCER_ID: &str = "producer-id";
/// `Producer-Received-Seq`
pub const PRODUCER_RECEIVED_SEQ: &str = "producer-received-seq";
/// `Producer-Seq`
pub const PRODUCER_SEQ: &str = "producer-seq";
/// `Referrer-Policy`
pub const REFERRER_POLICY: &str = "referrer-policy";
/// `Retry-After`
pub const RETRY_AFTER: &str = "retry-after";
/// `Sec-Fetch-Site`
pub const SEC_FETCH_SITE: &str = "sec-fetch-site";
/// `Sec-WebSocket-Accept`
pub const SEC_WEBSOCKET_ACCEPT: &str = "sec-websocket-accept";
/// `Sec-WebSocket-Extensions`
pub const SEC_WEBSOCKET_EXTENSIONS: &str = "sec-websocket-extensions";
/// `Sec-WebSocket-Key`
pub const SEC_WEBSOCKET_KEY: &str = "sec-websocket-key";
/// `Sec-WebSocket-Protocol`
pub const SEC_WEBSOCKET_PROTOCOL: &str = "sec-websocket-protocol";
/// `Sec-WebSocket-Version`
pub const SEC_WEBSOCKET_VERSION: &str = "sec-websocket-version";
/// `Stream-Closed`
pub const STREAM_CLOSED: &str = "stream-closed";
/// `Stream-Cursor`
pub const STREAM_CURSOR: &str = "stream-cursor";
/// `Stream-Duplicate`
pub const STREAM_DUPLICATE: &str = "stream-duplicate";
/// `Stream-Drain-Within`
pub const STREAM_DRAIN_WITHIN: &str = "stream-drain-within";
/// `Stream-Durability`
pub const STREAM_DURABILITY: &str = "stream-durability";
/// `Stream-Earliest-Offset`
pub const STREAM_EARLIEST_OFFSET: &str = "stream-earliest-offset";
/// `Stream-Expires-At`
pub const STREAM_EXPIRES_AT: &str = "stream-expires-at";
/// `Stream-Forked-From`, of the base protocol; refused
pub const STREAM_FORKED_FROM: &str = "stream-forked-from";
/// `Stream-Next-Offset`
pub const STREAM_NEXT_OFFSET: &str = "stream-next-offset";
/// `Stream-Poll-Interval`
pub const STREAM_POLL_INTERVAL: &str = "stream-poll-interval";
/// `Stream-Reset`
pub const STREAM_RESET: &str = "stream-reset";
/// `Stream-Retention-Age`
pub const STREAM_RETENTION_AGE: &str = "stream-retention-age";
/// `Stream-Retention-Bytes`
pub const STREAM_RETENTION_BYTES: &str = "stream-retention-bytes";
/// `Stream-Retention-Count`
pub const STREAM_RETENTION_COUNT: &str = "stream-retention-count";
/// `Stream-Return-Within`
pub const STREAM_RETURN_WITHIN: &str = "stream-return-within";
/// `Stream-Seq`
pub const STREAM_SEQ: &str = "stream-seq";
/// `Stream-SSE-Data-Encoding`
pub const STREAM_SSE_DATA_ENCODING: &str = "stream-sse-data-encoding";
/// `Stream-TTL`
pub const STREAM_TTL: &str = "stream-ttl";
/// `Stream-Up-To-Date`
pub const STREAM_UP_TO_DATE: &str = "stream-up-to-date";
/// `Transfer-Encoding`
pub const TRANSFER_ENCODING: &str = "transfer-encoding";
/// `Upgrade`
pub const UPGRADE: &str = "upgrade";
/// `Vary`
pub const VARY: &str = "vary";
/// `WWW-Authenticate`
pub const WWW_AUTHENTICATE: &str = "www-authenticate";
/// `X-Accel-Buffering`
pub const X_ACCEL_BUFFERING: &str = "x-accel-buffering";
/// `X-Content-Type-Options`
pub const X_CONTENT_TYPE_OPTIONS: &str = "x-content-type-options";
/// `X-Forwarded-For`
pub const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// `X-Forwarded-Proto`
pub const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The request headers that a page of another origin may send.
pub const ALLOW_HEADERS: &str = "authorization, content-type, idempotency-key, if-none-match, last-event-id, \
    producer-epoch, producer-id, producer-seq, stream-closed, stream-durability, stream-expires-at, \
    stream-retention-age, stream-retention-bytes, stream-retention-count, stream-seq, stream-ttl";

/// The response headers that a page of another origin may see: all of them. The star means that in every request
/// without credentials, and `Access-Control-Allow-Origin: *` permits no others; the list would be 500 bytes a response.
pub const EXPOSE_HEADERS: &str = "*";

/// The same, one by one: where a browser sends cookies, the star is the name of a header.
pub const EXPOSE_HEADERS_NAMED: &str = "cache-control, content-type, date, etag, link, location, producer-epoch, \
    producer-expected-seq, producer-received-seq, retry-after, stream-closed, stream-cursor, stream-duplicate, \
    stream-drain-within, stream-durability, stream-earliest-offset, stream-expires-at, stream-next-offset, \
    stream-poll-interval, stream-reset, stream-retention-age, stream-retention-bytes, stream-retention-count, \
    stream-return-within, stream-sse-data-encoding, stream-ttl, stream-up-to-date, www-authenticate";

/// The methods that a page of another origin may use.
pub const ALLOW_METHODS: &str = "GET, HEAD, PUT, POST, DELETE, OPTIONS";

/// For how many seconds a page may remember the answer to `OPTIONS`.
pub const ALLOW_MAX_AGE_S: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn is_listed(list: &str, name: &str) -> bool {
        list.split(", ").any(|listed| listed == name)
    }

    #[test]
    fn every_request_header_of_the_documentation_is_allowed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
        let text = std::fs::read_to_string(path).unwrap();
        let requests = text.split("Requests: ").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
        let names = requests.split('`').skip(1).step_by(2).map(str::to_ascii_lowercase);
        let names: Vec<_> = names.filter(|name| name.contains('-')).collect();
        assert!(10 < names.len());
        for name in names {
            assert!(is_listed(ALLOW_HEADERS, &name), "{name}");
        }
    }

    #[test]
    fn every_response_header_of_ours_is_exposed_by_name() {
        let source = include_str!("header_name.rs");
        let names = source.lines().filter_map(|line| {
            line.strip_prefix("pub const ")?.split_once("&str = \"")?.1.strip_suffix("\";")
        });
        let ours = names.filter(|name| {
            name.starts_with("stream-") && !matches!(*name, "stream-seq" | "stream-forked-from")
        });
        for name in ours {
            assert!(is_listed(EXPOSE_HEADERS_NAMED, name), "{name}");
        }
    }

    #[test]
    fn a_preflight_allows_a_conditional_read() {
        assert!(is_listed(ALLOW_HEADERS, IF_NONE_MATCH));
        assert!(is_listed(ALLOW_HEADERS, LAST_EVENT_ID));
    }
}
