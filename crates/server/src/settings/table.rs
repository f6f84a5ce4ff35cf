//! The table: every setting of the server, once.

use super::access::AccessTables;
use super::definition::{Given, marked, range, settings_table, written};
use super::environment::unknown_setting;
use super::origins::Origins;
use super::rule::Rule;
use super::{
    AskUrl, Definition, EventLoop, Events, LogFormat, LogLevel, Networks, Origin, OtlpEndpoint, Policies,
    Range, Sends, SettingsError, SigningKey, WhenDown, kind,
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
        /// A second address and port, for HTTPS: the same over TLS, with HTTP/2 for clients that ask for it. It needs a certificate. The address
        /// in `listen` stays in plain text, for this machine say. Port 0 takes any free port.
        tls_listen: Option<SocketAddr> = ADDRESS_OR_NONE ""; restart,
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
        /// Whether the console for administrators is served at `/console`. Its page is for everybody; what it shows needs the right `admin`.
        console: bool = SWITCH "true",
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
        /// The cookie that a token may stand in, for pages of this server itself and of origins whose table `[[origins]]` says so. Where this is
        /// empty no cookie is looked at.
        token_cookie: Option<String> = COOKIE_NAME_OR_NONE "",
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
        /// How many of them may concern one address (of IPv6, one network: `limit_ipv6_prefix`), so that nobody fills the line alone. Above it: 503 with
        /// `Retry-After`. Not for trusted proxies and `unlimited_addresses`.
        webhook_max_waiting_per_address: usize = COUNT "1000" in "1"..="1000000"; restart,
        /// How many answers each worker remembers while they hold.
        webhook_max_remembered: usize = COUNT "20000" in "2"..="10000000"; restart,
        /// After how many failures in a row it is not asked any more for `webhook_pause`; then once, to see whether it is back.
        webhook_failures: usize = COUNT "5" in "1"..="1000"; restart,
        /// For how long it is left alone then.
        webhook_pause: Duration = DURATION "5s" in "100ms"..="10m"; restart,
    }
    group "TLS" {
        /// The file in PEM with the certificate for `tls_listen` and those that it is signed with, in this order. Several files are separated by
        /// commas: each client gets the one that is for the name which it asks for, and the first one where none is.
        tls_certificate_file: Vec<PathBuf> = FILES "",
        /// The file in PEM with the private key of the certificate; as many as there are certificates, in the same order.
        tls_key_file: Vec<PathBuf> = FILES "",
        /// The names of this server, with commas between them, for which certificates are ordered from an authority that speaks ACME, and renewed in
        /// time. Each must lead to an address whose port 443 is `tls_listen`, or is passed on to it. Who sets this agrees to the authority's terms of service.
        acme_domains: Vec<String> = NAMES ""; restart,
        /// Where the authority writes to when a certificate is about to end, such as `admin@example.org`.
        acme_contact: Option<String> = TEXT_OR_NONE ""; restart,
        /// The authority's directory. By default it is Let's Encrypt.
        acme_directory: String = TEXT "https://acme-v02.api.letsencrypt.org/directory"; restart,
        /// A file in PEM with the authority that has signed the certificate of `acme_directory` itself, where the system does not know it.
        acme_ca_file: Option<PathBuf> = FILE_OR_NONE ""; restart,
        /// A file in PEM with authorities: clients must show a certificate that one of them has signed, or get no connection.
        tls_client_ca_file: Option<PathBuf> = FILE_OR_NONE "",
        /// Whether clients without a certificate are let in too, where `tls_client_ca_file` is set. One that shows a wrong certificate is not.
        tls_client_optional: bool = SWITCH "false"; restart,
        /// How long the handshake of a TLS connection may take. After it: closed.
        tls_handshake_timeout: Duration = DURATION "10s" in "100ms"..="5m",
        /// How many TLS connections of one worker may be in their handshake. Above it: the one that has waited longest is closed.
        max_tls_handshakes: usize = COUNT "1000" in "1"..="1000000",
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
        /// How much memory the server may use, all in all. As it is used up, pollers are advised to come less often, long polls are answered at
        /// once, new followers are refused with 503, and those furthest behind are ended. `0` is three quarters of what the machine has, or its
        /// control group may use. The other limits of memory that are not set are lowered until they fit: `memory_bytes` to a
        /// quarter of this, `tail_cache_bytes`, `request_memory_bytes`, `max_unfinished_bytes` and `max_unsent_bytes` to an eighth each.
        memory_budget_bytes: usize = BYTES "0" in "0"..="1 TiB"; restart,
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
        /// What may be held for peers that don't take it, over all connections, before answers of polls become small, and what is large waits (a
        /// follower), or is answered 503 (a poll). Where it has been nearly full for ten seconds, connections that hold most are ended.
        max_unsent_bytes: usize = BYTES "1 GiB" in "1 MiB"..="1 TiB",
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
        /// What the bodies of large, chunked and HTTP/2 requests may take together, each until it is answered; and as much again other
        /// requests, while the rest of them is on its way.
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
    group "Watching" {
        /// How lines of the log are written: `text` for people, `json` for programs, an object each.
        log_format: LogFormat = LOG_FORMAT "text"; restart,
        /// Whether the log has one line for each connection, when it ends: address, subject, what it did, and why it ended. Never a token,
        /// a query, or the name of a stream. It is a line of the level `info`.
        access_log: bool = SWITCH "false",
        /// Where traces of publishes are sent, by OTLP over HTTP (JSON): a collector that stands beside the server. Nowhere where this is empty.
        otlp_endpoint: Option<OtlpEndpoint> = OTLP_ENDPOINT_OR_NONE ""; restart,
        /// Of so many publishes one is traced, beside those whose `traceparent` says that they are sampled; 0 is none.
        otlp_one_of: usize = COUNT "100" in "0"..="1000000000"; restart,
        /// How long a message of the server to itself may take to be stored and to reach every worker. After it, `/health/ready` answers 503.
        ready_timeout: Duration = DURATION "2s" in "10ms"..="1m",
        /// How often the server sends itself a message while somebody asks `/health/ready`, for all who ask together: one small write and
        /// sync of the disk.
        ready_interval: Duration = DURATION "5s" in "10ms"..="1h",
    }
    group "Limits for each client" {
        /// Addresses and networks to which the limits for each address don't apply. Trusted proxies are never limited so.
        unlimited_addresses: Networks = NETWORKS "127.0.0.0/8, ::1",
        /// How many bits of an address of IPv6 are one address to the limits: a customer has a whole network of them.
        limit_ipv6_prefix: usize = COUNT "64" in "1"..="128",
        /// How many connections one address may have. Above it: 429, closed. Here and below, 0 is no limit.
        max_connections_per_address: usize = COUNT "0" in "0"..="10000000",
        /// How many connections one address may make in a second. Above it: 429, closed.
        connect_rate_per_address: usize = COUNT "0" in "0"..="1000000",
        /// How many streams the readers of one address may follow (long polls that are held, SSE, WebSocket), each as often as it is
        /// followed. Above it: 429.
        max_follows_per_address: usize = COUNT "0" in "0"..="1000000000",
        /// How many streams one subject may follow: those who have the same `sub` in their tokens, or the same API key. Above it: 429.
        max_follows_per_subject: usize = COUNT "0" in "0"..="1000000000",
        /// How many may follow one stream. Above it: 429.
        max_follows_per_stream: usize = COUNT "0" in "0"..="1000000000",
        /// How many messages one address may publish in a second. Above it: 429 with `Retry-After`.
        publish_rate_per_address: usize = COUNT "0" in "0"..="1000000000",
        /// How many messages one subject may publish in a second. Above it: 429 with `Retry-After`.
        publish_rate_per_subject: usize = COUNT "0" in "0"..="1000000000",
        /// How many messages may be published to one stream in a second, by everybody together. Above it: 429 with `Retry-After`.
        publish_rate_per_stream: usize = COUNT "0" in "0"..="1000000000",
        /// How many bytes of messages one address may publish in a second. Above it: 429 with `Retry-After`.
        publish_byte_rate_per_address: usize = BYTES "0" in "0"..="1 TiB",
        /// How many bytes of messages one subject may publish in a second. Above it: 429 with `Retry-After`.
        publish_byte_rate_per_subject: usize = BYTES "0" in "0"..="1 TiB",
        /// How many bytes of messages may be published to one stream in a second, by everybody together. Above it: 429 with `Retry-After`.
        publish_byte_rate_per_stream: usize = BYTES "0" in "0"..="1 TiB",
        /// What of a rate may come at once: what it allows in this time. A publish that is larger by itself passes, and is waited for
        /// afterwards.
        limit_burst: Duration = DURATION "10s" in "1s"..="1h",
        /// Of how many addresses, subjects and streams together it is remembered what they did lately. Beyond that, those are
        /// forgotten that did something longest ago.
        max_limited: usize = COUNT "100000" in "1000"..="100000000"; restart,
    }
    group "Draining" {
        /// How many followers the server can take in a second when all come back at once. They are told to spread over as long as it takes:
        /// over `drain_window` at least when it is asked to end, and as many seconds as are needed when it is lost without a word.
        return_rate: usize = COUNT "2000" in "1"..="10000000",
        /// On SIGTERM, followers are told to come back within this time, spread out; within a longer one, where so many would come
        /// faster than `return_rate`.
        drain_window: Duration = DURATION "10s" in "1ms"..="1h",
        /// On SIGTERM, the server ends after this time at the latest.
        drain_timeout: Duration = DURATION "10s" in "1ms"..="1h",
    }
}
