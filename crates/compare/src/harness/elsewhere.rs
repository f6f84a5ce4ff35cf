//! Servers that run elsewhere: what a user says of one, and what it says of itself.

use super::answer::{AnswerReader, Part, room};
use super::ask::{Answer, Asker, Endpoint};
use super::dialect::{Dialect, DurableStreams, Plain, PublishWay, Tidings};
use super::origin::{Origin, ServerUrl, field, shown_url};
use super::site::Site;
use super::tls::Tls;
use crate::way::Way;
use anyhow::Context as _;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use tidings_protocol::Headers as _;
use tidings_protocol::header_name as name;

/// After how many seconds without use a server ends the streams of a run, should it not be asked to.
const STREAM_TTL_S: u64 = 3_600;

/// Where all streams are, below a server of which no more is known.
const STREAMS: &str = "/v1/stream";

/// The most fields that a user may want in each request.
const FIELDS_MAX: usize = 32;

/// A server that runs elsewhere, as a user names it.
#[derive(Clone, Default)]
pub struct Elsewhere {
    /// `http`, `https`, `ws` or `wss`. Of a tidings server its root, of one of Durable Streams the root of its streams (`/v1/stream`
    /// where there is no path), else exactly what is followed.
    pub url: String,
    /// What it speaks; guessed where it is not said.
    pub speaks: Option<Speaks>,
    /// Where it is published to, if not at `url`. A message is the body of a `POST`, or a text where that is a WebSocket.
    pub publish_url: Option<String>,
    /// Fields of each request, such as `Authorization: Bearer …`.
    pub headers: Vec<String>,
    /// Certificates in PEM that are believed beside those of the system.
    pub roots: Vec<Vec<u8>>,
}

/// Without what may be secret.
impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Elsewhere { url, speaks, publish_url, headers, .. } = self;
        let [url, publish_url] = [url.as_str(), publish_url.as_deref().unwrap_or_default()].map(shown_url);
        write!(f, "Elsewhere({url}, {speaks:?}, {publish_url}, {} headers)", headers.len())
    }
}

/// A language of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Ours.
    Tidings,
    /// The base protocol of Durable Streams.
    DurableStreams,
    /// Text messages over one WebSocket.
    WebSocket,
    /// Events of one response.
    Sse,
}

impl Speaks {
    /// All of them.
    pub const ALL: [Speaks; 4] = [Speaks::Tidings, Speaks::DurableStreams, Speaks::WebSocket, Speaks::Sse];

    fn name(self) -> &'static str {
        match self {
            Speaks::Tidings => "tidings",
            Speaks::DurableStreams => "durable-streams",
            Speaks::WebSocket => "websocket",
            Speaks::Sse => "sse",
        }
    }
}

impl fmt::Display for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Speaks {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Speaks, UnknownLanguage> {
        Speaks::ALL.into_iter().find(|it| it.name() == text).ok_or(UnknownLanguage)
    }
}

/// A text names no language of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLanguage;

impl fmt::Display for UnknownLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of tidings, durable-streams, websocket, sse is needed")
    }
}

impl std::error::Error for UnknownLanguage {}

/// A server can't be reached, or not as its URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CannotReach {
    address: SocketAddr,
    why: String,
}

impl fmt::Display for CannotReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing can be reached at {}: {}; is the server running?", self.address, self.why)
    }
}

impl std::error::Error for CannotReach {}

impl Site {
    /// A server that runs elsewhere. Asks it what it speaks, where that is not said.
    ///
    /// # Errors
    /// [`CannotReach`] when it is not there. Otherwise what the user said does not fit together, or the server does not answer as what
    /// it should be.
    pub(crate) fn elsewhere(server: &Elsewhere) -> anyhow::Result<Site> {
        let url = with_fields(ServerUrl::parse(&server.url, "--url")?, &server.headers)?;
        let endpoint = endpoint(&url, &server.roots)?;
        let speaks = match server.speaks {
            Some(speaks) => speaks,
            None => guess(&url, &endpoint)?,
        };
        let by_streams = matches!(speaks, Speaks::Tidings | Speaks::DurableStreams);
        if by_streams && server.publish_url.is_some() {
            anyhow::bail!(
                "--publish-url is for servers that speak websocket or sse: this one is published to at --url"
            );
        }
        let mut publisher = endpoint.clone();
        let dialect: Arc<dyn Dialect> = match speaks {
            Speaks::Tidings => Arc::new(tidings(url.origin)),
            Speaks::DurableStreams => Arc::new(durable_streams(url.origin)),
            Speaks::WebSocket | Speaks::Sse => {
                let (plain, at) = plain(speaks, url, &endpoint, server)?;
                publisher = at;
                Arc::new(plain)
            }
        };
        Ok(Site::at(server.url.clone(), dialect, endpoint, publisher))
    }
}

/// A tidings server; the root of its streams is also taken for its own.
fn tidings(mut origin: Origin) -> Tidings {
    if let Some(root) = origin.path.strip_suffix(STREAMS) {
        origin.path = root.to_owned();
    }
    Tidings { origin, durability: None, ttl_s: Some(STREAM_TTL_S) }
}

fn durable_streams(mut origin: Origin) -> DurableStreams {
    if origin.path.is_empty() {
        STREAMS.clone_into(&mut origin.path);
    }
    DurableStreams { origin, ttl_s: STREAM_TTL_S }
}

fn plain(
    speaks: Speaks,
    url: ServerUrl,
    at: &Endpoint,
    server: &Elsewhere,
) -> anyhow::Result<(Plain, Endpoint)> {
    let way = if speaks == Speaks::Sse { Way::Sse } else { Way::WebSocket };
    anyhow::ensure!(
        way == Way::WebSocket || !url.is_websocket,
        "--url {}: events of SSE come over http or https",
        shown_url(&server.url)
    );
    let Some(publish_url) = &server.publish_url else {
        anyhow::ensure!(
            way == Way::WebSocket,
            "--publish-url is needed: where a message is sent with POST, so that it comes as an event of {}",
            shown_url(&server.url)
        );
        let plain = Plain { way, follow: url.origin.clone(), publish: url.origin, by: PublishWay::WebSocket };
        return Ok((plain, at.clone()));
    };
    let publish = with_fields(ServerUrl::parse(publish_url, "--publish-url")?, &server.headers)?;
    let by = if publish.is_websocket { PublishWay::WebSocket } else { PublishWay::Post };
    let endpoint = endpoint(&publish, &server.roots)?;
    Ok((Plain { way, follow: url.origin, publish: publish.origin, by }, endpoint))
}

fn endpoint(url: &ServerUrl, roots: &[Vec<u8>]) -> anyhow::Result<Endpoint> {
    let tls = url.is_secure.then(|| Tls::new(&url.host, roots)).transpose()?;
    let endpoint = Endpoint { address: url.resolve()?, tls: tls.map(Arc::new) };
    let reached = Asker::new(&endpoint).reach();
    reached.map_err(|why| CannotReach { address: endpoint.address, why: why.to_string() })?;
    Ok(endpoint)
}

/// Adds the fields that the user wants.
fn with_fields(mut url: ServerUrl, headers: &[String]) -> anyhow::Result<ServerUrl> {
    anyhow::ensure!(headers.len() <= FIELDS_MAX, "--header: at most {FIELDS_MAX}");
    for header in headers {
        // It may be a secret: it is not repeated.
        let wrong = || "--header: write each as 'Name: value'";
        let (name, value) = header.split_once(':').with_context(wrong)?;
        let name = http::HeaderName::from_bytes(name.trim().as_bytes()).with_context(wrong)?;
        let value = http::HeaderValue::from_str(value.trim()).with_context(wrong)?;
        anyhow::ensure!(!is_own(name.as_str()), "--header {name}: compare sets it by itself");
        let value = value.to_str().with_context(|| format!("--header {name}: only ASCII can be sent"))?;
        url.origin.fields.extend([name.as_str(), ": ", value, "\r\n"]);
    }
    Ok(url)
}

/// Whether a field says what this program decides.
fn is_own(name: &str) -> bool {
    ["host", "connection", "upgrade", "content-length", "transfer-encoding", "content-type"].contains(&name)
        || name.starts_with("sec-websocket-")
}

/// What a server speaks, by its URL and by what it answers.
fn guess(url: &ServerUrl, endpoint: &Endpoint) -> anyhow::Result<Speaks> {
    if url.is_websocket {
        return Ok(Speaks::WebSocket);
    }
    let unknown = || {
        format!(
            "it is not clear what {} speaks; write --speaks with one of tidings, durable-streams, websocket, sse",
            url.origin.authority
        )
    };
    let mut asker = Asker::new(endpoint);
    if speaks_sse(&mut asker, &url.origin).with_context(unknown)? {
        return Ok(Speaks::Sse);
    }
    // A name that no stream has. Only ours refuses it with a code.
    let stream = format!("compare/{:016x}", rand::random::<u64>());
    let mut request = Vec::new();
    tidings(url.origin.clone()).origin.begin("GET", format_args!("{STREAMS}/{stream}"), &mut request);
    request.extend_from_slice(b"\r\n");
    let answer = asker.ask(&request).with_context(unknown)?;
    if field_of(&answer, name::CONTENT_TYPE).is_some_and(|it| it.starts_with("application/problem+json")) {
        return Ok(Speaks::Tidings);
    }
    let dialect = durable_streams(url.origin.clone());
    request.clear();
    dialect.create(&stream, &mut request);
    let answer = asker.ask(&request).with_context(unknown)?;
    anyhow::ensure!(answer.is_success() && field_of(&answer, name::STREAM_NEXT_OFFSET).is_some(), unknown());
    request.clear();
    dialect.remove(&stream, &mut request);
    asker.ask(&request).context("removing the stream with which the server was tried")?;
    Ok(Speaks::DurableStreams)
}

/// Whether events come at exactly that URL. Their response goes on, so its head is enough.
fn speaks_sse(asker: &mut Asker<'_>, origin: &Origin) -> anyhow::Result<bool> {
    let mut request = Vec::new();
    origin.begin_here("GET", &mut request);
    field(&mut request, "Accept", "text/event-stream");
    request.extend_from_slice(b"\r\n");
    let answer = asker.ask_until(&request, is_events)?;
    Ok(is_events(&answer))
}

fn is_events(answer: &Answer) -> bool {
    let content_type = field_of(answer, name::CONTENT_TYPE);
    answer.status == 200 && content_type.is_some_and(|it| it.starts_with("text/event-stream"))
}

fn field_of(answer: &Answer, name: &str) -> Option<String> {
    let mut fields = room();
    match AnswerReader::new().next_part(&mut &answer.bytes[..], &mut fields) {
        Ok(Some(Part::Head(head))) => head.fields.first_text(name).map(str::to_ascii_lowercase),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
