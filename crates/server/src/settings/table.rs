//! The table: every setting of the server, once.

use super::access::AccessTables;
use super::definition::{Given, marked, range, settings_table, written};
use super::environment::unknown_setting;
use super::rule::Rule;
use super::{
    AskUrl, Definition, EventLoop, Events, LogLevel, Networks, Origin, Policies, Range, Sends, SettingsError,
    SigningKey, WhenDown, kind,
};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tidings_auth::Policy;
use tidings_model::Durability;
use tidings_protocol::ForwardedField;

settings_table! {
    group "Server" {
        /// The folder that holds all streams. It is made if it is missing; one server at a time may use it.
        data: PathBuf = PATH "tidings-data"; restart,
        /// The address and port to listen on, for HTTP, SSE and WebSocket alike. Port 0 takes any free port.
        /// On an address that others can reach the server starts only with rules of who may do what, or with `insecure`.
        listen: SocketAddr = ADDRESS "127.0.0.1:4437"; restart,
        /// How many worker threads serve connections. 0 is one for each core.
        workers: usize = COUNT "0" in "0"..="1024"; restart,
        /// What workers wait for connections with: `epoll` (Linux), `portable` (any Unix; slower), or `auto`, the better one.
        event_loop: EventLoop = EVENT_LOOP "auto"; restart,
        /// How a worker sends what is new to many followers: `io-uring` is one system call for up to 512 of them (Linux;
        /// where it is forbidden the server does not start), `send` is one for each, `auto` is `io-uring` where it works.
        sends: Sends = SENDS "auto"; restart,
        /// Which lines go to the log on standard error: `error`, `warn`, `info` or `debug`, each with those before it.
        log: LogLevel = LOG_LEVEL "info",
        /// Whether the example programs, a chat and live figures of this machine, are served as pages at `/examples/`, with the
        /// streams that they need. Whoever reaches the address may use them.
        examples: bool = SWITCH "false"; restart,
        /// A test listener that sends every WebSocket message back. It has no other use.
        ws_echo: Option<SocketAddr> = ADDRESS_OR_NONE ""; hidden; restart,
    }
    group "Who may do what" {
        /// Whether the server may listen on an address that others can reach without any rules. Whoever reaches it may then read, publish
        /// and delete everything.
        insecure: bool = SWITCH "false",
        /// A file with public keys of those whose tokens are believed: one key in PEM (RSA for RS256, P-256 for ES256, Ed25519 for
        /// `EdDSA`), or a set of keys in JSON (JWKS).
        token_keys: Option<PathBuf> = FILE_OR_NONE "",
        /// A file with the secret of tokens that are signed with HS256, at least 32 random bytes. A line break at its end is not part of it.
        token_secret_file: Option<PathBuf> = FILE_OR_NONE "",
        /// Where the issuer of tokens publishes its keys (JWKS): `https://…`. They are fetched at the start and kept current, beside those of
        /// `token_keys`. While they were never had, tokens are answered 503.
        token_keys_url: Option<AskUrl> = URL_OR_NONE ""; restart,
        /// How often the keys are fetched where the issuer does not ask for more (`Cache-Control: max-age`). After a failure it is tried sooner.
        token_keys_refresh: Duration = DURATION "15m" in "1s"..="1d"; restart,
        /// How much time lies between two fetches at the least, also when tokens come that are signed by an unknown key.
        token_keys_pause: Duration = DURATION "10s" in "100ms"..="1h"; restart,
        /// For how long keys are believed that can't be fetched any more. Empty is for ever, with a warning in the log.
        token_keys_keep: Option<Duration> = DURATION_OR_NONE "" in "1s"..="365d"; restart,
        /// What the claim `iss` of a token must be. Where this is empty it is not looked at.
        token_issuer: Option<String> = TEXT_OR_NONE "",
        /// What the claim `aud` of a token must be, or hold. Where this is empty, a token that has an audience is for somebody else.
        token_audience: Option<String> = TEXT_OR_NONE "",
        /// The claim of a token that says which rights it grants.
        token_claim: String = TEXT "tidings",
        /// By how much the clock of whoever makes tokens may differ from this one.
        token_leeway: Duration = DURATION "30s" in "0s"..="10m",
        /// For how long a ticket (`POST /v1/ticket`) can be used.
        ticket_timeout: Duration = DURATION "30s" in "1s"..="10m",
        /// How many tickets may be asked for within `ticket_timeout`. Above it: 503 with `Retry-After`.
        max_tickets: usize = COUNT "10000" in "1"..="10000000",
        /// How many revocations of tokens, subjects and keys may hold. Above it: 507.
        max_revocations: usize = COUNT "10000" in "1"..="1000000",
    }
    group "Asking the application" {
        /// Where the application is asked whether somebody may do what the rules permit: a `POST` with JSON, over `https://…` or to this machine.
        webhook_url: Option<AskUrl> = URL_OR_NONE ""; restart,
        /// What it is asked about: `connect`, each WebSocket; `read`; and `publish`, which is creating and deleting too.
        webhook_events: Events = EVENTS "connect,read,publish"; restart,
        /// A file with a secret, at least 32 random bytes, with which questions are signed, so that the application knows whose they are.
        webhook_secret_file: Option<PathBuf> = FILE_OR_NONE ""; restart,
        /// How long an answer may take.
        webhook_timeout: Duration = DURATION "2s" in "10ms"..="60s"; restart,
        /// What holds while there is no answer: `refuse`, nothing is permitted and requests are answered 503, or `allow`, the rules alone decide.
        webhook_when_down: WhenDown = WHEN_DOWN "refuse"; restart,
        /// For how long an answer holds at most, whatever its `max_age` says.
        webhook_max_age: Duration = DURATION "1h" in "1s"..="1d"; restart,
        /// How often it is asked again about who follows, where its answer does not say for how long it holds.
        webhook_recheck: Duration = DURATION "60s" in "1s"..="1d"; restart,
        /// How many questions are on their way at a time.
        webhook_concurrency: usize = COUNT "32" in "1"..="1000"; restart,
        /// How many questions may wait for an answer, over all workers. Above it: 503 with `Retry-After`.
        webhook_max_waiting: usize = COUNT "10000" in "1"..="1000000"; restart,
        /// How many answers each worker remembers while they hold.
        webhook_max_remembered: usize = COUNT "20000" in "2"..="10000000"; restart,
        /// After how many failures in a row it is not asked any more for `webhook_pause`; then once, to see whether it is back.
        webhook_failures: usize = COUNT "5" in "1"..="1000"; restart,
        /// For how long it is left alone then.
        webhook_pause: Duration = DURATION "5s" in "100ms"..="10m"; restart,
    }
    group "Behind a proxy" {
        /// The addresses of the proxies in front, and of nobody else. What they say of a client's address is believed; of others it is
        /// not even looked at. Where this is empty, the client is whoever has made the connection.
        trusted_proxies: Networks = NETWORKS "",
        /// Which header the trusted proxies write: `x-forwarded-for` (with `X-Forwarded-Proto` beside it) or `forwarded` (RFC 7239). The
        /// other one passes through them as the client has sent it, and is not looked at.
        forwarded_header: ForwardedField = FORWARDED_FIELD "x-forwarded-for",
        /// Whether the trusted proxies begin each connection with a header of the PROXY protocol, version 1 or 2. If so, they must, and
        /// nobody else may.
        proxy_protocol: bool = SWITCH "false",
    }
    group "Following" {
        /// How long a long poll is held when nothing is published and the request has no `timeout`.
        long_poll_timeout: Duration = DURATION "30s" in "1ms"..="1h",
        /// The longest `timeout` that a long poll may ask for. A longer one is shortened to it.
        long_poll_timeout_max: Duration = DURATION "120s" in "1ms"..="1d",
        /// What pollers are advised to wait between two polls (`Stream-Poll-Interval`). The advice grows with load.
        poll_interval: Duration = DURATION "1s" in "1s"..="1d",
        /// How long an SSE client waits before it connects again (`retry:`). Up to 3s is advised.
        sse_retry: Duration = DURATION "2s" in "1ms"..="60s",
        /// When nothing else was sent on an SSE or WebSocket connection for this long, a heartbeat is.
        /// A WebSocket that stays silent for 2.5 heartbeats is closed, and so is any connection that takes nothing for as long.
        heartbeat: Duration = DURATION "25s" in "1s"..="1h",
        /// Whether WebSocket messages are compressed (permessage-deflate) for clients that offer it.
        websocket_compression: bool = SWITCH "true",
        /// The smallest WebSocket message that is worth compressing. One that would not become smaller is never compressed.
        websocket_compression_min_bytes: usize = BYTES "256" in "0"..="1 GiB",
    }
    group "Storing" {
        /// What an acknowledgement means where a stream does not say: `disk` is written and synced,
        /// `memory` is gone after a restart, and readers are told so.
        default_durability: Durability = DURABILITY "disk",
        /// The size of one file of the log. It must have room for two of the largest messages.
        segment_bytes: usize = BYTES "64 MiB" in "1 MiB"..="1 GiB"; restart,
        /// What all `memory` streams may take together. When it is used up, publishing to them is answered 507. A message to
        /// one of them takes at most about an eighth of this. Above it: 413.
        memory_bytes: usize = BYTES "1 GiB" in "1 MiB"..="1 TiB"; restart,
        /// How much of the newest messages is kept in memory, over all streams. Older ones are read from disk.
        tail_cache_bytes: usize = BYTES "32 MiB" in "64 KiB"..="1 TiB"; restart,
    }
    group "Limits" {
        /// The largest message, and the largest body of one publish. Above it: 413, or WebSocket close code 1009.
        max_message_bytes: usize = BYTES "8 MiB" in "1 KiB"..="1 GiB"; restart,
        /// How many messages one publish may hold (the elements of a JSON array). Above it: 413.
        max_batch_messages: usize = COUNT "10000" in "1"..="1000000",
        /// The largest request head. Above it: 431, or 414 when the address alone is too long.
        max_header_bytes: usize = BYTES "16 KiB" in "1 KiB"..="1 MiB",
        /// How many connections are open at a time, and never more than the system allows. Above it: 503, closed.
        max_connections: usize = COUNT "15000" in "1"..="10000000",
        /// How many requests, each WebSocket among them, one HTTP/2 connection may have open. Its client waits with more.
        max_http2_streams: usize = COUNT "128" in "1"..="10000",
        /// What WebSocket messages may take together, over all connections, while they have not fully arrived; never less
        /// than one of the largest takes. Above it: the connection whose message grows is closed with 1013.
        max_unfinished_bytes: usize = BYTES "256 MiB" in "1 MiB"..="1 TiB",
        /// How many streams one WebSocket connection may follow. Above it: the error `too_many_subscriptions`.
        max_subscriptions: usize = COUNT "1000" in "1"..="1000000",
        /// How many streams one request to `/v1/read` may list. Above it: 429.
        max_read_streams: usize = COUNT "100" in "1"..="10000",
        /// How many streams the server holds. Above it, creating one is answered 507.
        max_streams: usize = COUNT "1000000" in "1"..="1000000000"; restart,
        /// How many producers (`Producer-Id`) one stream remembers. Above it: 429.
        max_producers: usize = COUNT "10000" in "1"..="10000000"; restart,
        /// How many publishes may wait to be stored. Above it: 503 with `Retry-After`.
        max_pending_publishes: usize = COUNT "8192" in "1"..="1000000"; restart,
        /// What the bodies of large, chunked and HTTP/2 requests may take together, each until it is answered.
        /// Above it: 503 with `Retry-After`.
        request_memory_bytes: usize = BYTES "256 MiB" in "1 KiB"..="1 TiB",
        /// How much one answer of a poll or long poll holds before the rest must be asked for.
        /// A larger message goes alone.
        page_bytes: usize = BYTES "1 MiB" in "1 KiB"..="1 GiB",
        /// How long the head or the body of a request may take to arrive. After it: 408, closed.
        request_timeout: Duration = DURATION "15s" in "1ms"..="1h",
        /// How long a connection may stay open between two requests. After it, the connection is closed.
        keep_alive_timeout: Duration = DURATION "75s" in "1ms"..="1d",
    }
    group "Draining" {
        /// On SIGTERM, followers are told to come back within this time, spread out.
        drain_window: Duration = DURATION "10s" in "1ms"..="1h",
        /// On SIGTERM, the server ends after this time at the latest.
        drain_timeout: Duration = DURATION "10s" in "1ms"..="1h",
    }
}
