//! The pages of the example programs: files of the folder `examples` that are built into the binary, under `/examples/`.
//!
//! Knows which files there are and how a browser may use them. Does not know what they do: they are clients like others.

use crate::request::Request;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::LazyLock;
use tidings_protocol::{
    CacheControl, Headers, Method, Problem, Response, header_name, none_match_names, target_path,
};

/// The paths of the programs, each with what it is.
pub const EXAMPLES: [(&str, &str); 3] = [
    ("/examples/chat/", "chat"),
    ("/examples/live-data/", "live figures of this machine"),
    ("/examples/plain/", "four ways to follow, without a library"),
];

const ROOT: &str = "/examples/";

/// What a page may load and do: its own files, and requests to this server. Nothing is inline, nothing comes from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the folder.
struct File {
    /// After `/examples/`; that of a folder's page ends there.
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// The file at a path, which is served there; or, after an arrow, at another one.
macro_rules! file {
    ($path:literal, $content_type:expr) => {
        file!($path => $path, $content_type)
    };
    ($source:literal => $path:literal, $content_type:expr) => {
        File {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../../examples/", $source)),
        }
    };
}

static FILES: &[File] = &[
    file!("index.html" => "", HTML),
    file!("index.css", CSS),
    file!("base.css", CSS),
    file!("connection.css", CSS),
    file!("connection.js", SCRIPT),
    file!("follow.js", SCRIPT),
    file!("rate.js", SCRIPT),
    file!("server-clock.js", SCRIPT),
    file!("icon.svg", SVG),
    file!("tidings.js", SCRIPT),
    file!("chat/index.html" => "chat/", HTML),
    file!("chat/chat.css", CSS),
    file!("chat/chat.js", SCRIPT),
    file!("chat/message-list.js", SCRIPT),
    file!("chat/person.js", SCRIPT),
    file!("chat/presence.js", SCRIPT),
    file!("chat/room.js", SCRIPT),
    file!("live-data/index.html" => "live-data/", HTML),
    file!("live-data/live-data.css", CSS),
    file!("live-data/live-data.js", SCRIPT),
    file!("live-data/chart.js", SCRIPT),
    file!("live-data/load.js", SCRIPT),
    file!("plain/index.html" => "plain/", HTML),
    file!("plain/plain.css", CSS),
    file!("plain/four-ways.js", SCRIPT),
    file!("plain/poll.js", SCRIPT),
    file!("plain/long-poll.js", SCRIPT),
    file!("plain/sse.js", SCRIPT),
    file!("plain/websocket.js", SCRIPT),
];

/// The tag of each file.
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| FILES.iter().map(|file| tag(file.bytes)).collect());

/// The answer, if the request is for a page or a file of the examples.
pub(crate) fn answer<H: Headers + ?Sized>(request: &Request<'_, H>) -> Option<Response> {
    let path = target_path(request.target)?;
    let index = match path.strip_prefix(ROOT) {
        Some(rest) => FILES.iter().position(|file| file.path == rest),
        None => None,
    };
    match (index, request.method) {
        (Some(index), Method::Get | Method::Head) => Some(respond(index, request.headers)),
        (Some(_), Method::Options) => Some(Response::preflight()),
        (Some(_), _) => Some(Response::problem(&Problem::method_not_allowed("GET, HEAD, OPTIONS"))),
        (None, _) => folder_of(path).map(redirect),
    }
}

fn respond<H: Headers + ?Sized>(index: usize, headers: &H) -> Response {
    let (file, tag) = (&FILES[index], &TAGS[index]);
    let is_known = none_match_names(headers, tag);
    let response = if is_known {
        Response::new(304)
    } else {
        Response::new(200).with_body(file.content_type, Bytes::from_static(file.bytes))
    };
    response
        .with(header_name::ETAG, tidings_protocol::HeaderValue::text(&format!("\"{tag}\"")))
        .with(header_name::CACHE_CONTROL, CacheControl::NoCache)
        .with(header_name::CONTENT_SECURITY_POLICY, POLICY)
        .with(header_name::REFERRER_POLICY, "no-referrer")
}

/// The folder that somebody means who leaves out its slash.
fn folder_of(path: &str) -> Option<&'static str> {
    let folders = EXAMPLES.iter().map(|(folder, _)| *folder);
    std::iter::once(ROOT).chain(folders).find(|folder| folder.trim_end_matches('/') == path)
}

fn redirect(folder: &'static str) -> Response {
    Response::new(308)
        .with(header_name::LOCATION, folder)
        .with(header_name::CACHE_CONTROL, CacheControl::NoCache)
}

/// What changes when a file does.
fn tag(bytes: &[u8]) -> String {
    const BYTES: usize = 8;
    Sha256::digest(bytes)[..BYTES].iter().fold(String::new(), |mut text, byte| {
        let _always_fits = write!(text, "{byte:02x}");
        text
    })
}
