//! HTTP/1.1 to one server, over TLS where its URL says so: requests out, heads and whole answers back, each with a limit.
//!
//! Does not know what an answer means.

use crate::answer::Answer;
use crate::{ClientOptions, Failure, InvalidCertificate, ServerUrl, Token, Unreachable, tls};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::time::Duration;
use tidings_protocol::{HeaderValue, READ_PATH, ReadManyRequest, header_name};
use tokio::time::timeout;

const USER_AGENT: &str = "user-agent";

/// A pool of connections to one server.
#[derive(Debug)]
pub(crate) struct HttpClient {
    server: ServerUrl,
    options: ClientOptions,
    pool: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpClient {
    /// How long an idle connection is kept. Less than the server's `keep_alive_timeout`, so that it is seldom
    /// the server that closes.
    const IDLE_MAX: Duration = Duration::from_mins(1);

    /// Idle connections that are kept.
    const IDLE_COUNT_MAX: usize = 4;

    pub(crate) fn new(server: ServerUrl, options: ClientOptions) -> Result<HttpClient, InvalidCertificate> {
        let tls = if server.is_tls() {
            tls::believing(&options.root_certificates)?
        } else {
            tls::believing_nobody()
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false); // The connector around it asks it for the bare connection of an `https:` URL.
        connector.set_connect_timeout(Some(options.connect_timeout));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(HttpClient::IDLE_MAX)
            .pool_max_idle_per_host(HttpClient::IDLE_COUNT_MAX)
            .build(connector);
        Ok(HttpClient { server, options, pool })
    }

    pub(crate) fn server(&self) -> &ServerUrl {
        &self.server
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// A request. `target` is a path with its query, encoded.
    pub(crate) fn request(
        &self,
        method: Method,
        target: &str,
        headers: &[(&'static str, HeaderValue)],
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(self.server.join(target));
        let user_agent = (USER_AGENT, HeaderValue::text(&self.options.user_agent));
        let token = self.options.token.as_ref();
        let token = token.map(|token| (header_name::AUTHORIZATION, HeaderValue::text(&token.bearer())));
        for (name, value) in headers.iter().chain([&user_agent]).chain(&token) {
            let mut bytes = Vec::new();
            value.write(&mut bytes);
            request = request.header(*name, bytes);
        }
        request.body(Full::new(body)).expect("names, values and targets are encoded by the protocol")
    }

    /// The request for many streams at once.
    pub(crate) fn read_many(&self, request: &ReadManyRequest) -> Request<Full<Bytes>> {
        let query = request.to_query();
        let target = if query.is_empty() { READ_PATH.to_owned() } else { format!("{READ_PATH}?{query}") };
        let content_type = (header_name::CONTENT_TYPE, HeaderValue::text("application/json"));
        self.request(Method::POST, &target, &[content_type], request.to_body().into())
    }

    /// Sends a request and gives the head of the answer, however long that takes.
    pub(crate) async fn open(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Unreachable> {
        self.pool.request(request).await.map_err(|error| {
            let reason = root_cause(&error);
            if error.is_connect() { Unreachable::Connect(reason) } else { Unreachable::Broken(reason) }
        })
    }

    /// Sends a request and gives the whole answer.
    pub(crate) async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let silence_max = self.options.silence_max;
        let silent = |_| Unreachable::Silent(silence_max);
        let response = timeout(silence_max, self.open(request)).await.map_err(silent)??;
        Ok(self.whole(response, &mut || {}).await?)
    }

    /// The whole answer, once its head is there. `on_bytes` hears of each piece of the body.
    pub(crate) async fn whole(
        &self,
        response: Response<Incoming>,
        on_bytes: &mut (dyn FnMut() + Send),
    ) -> Result<Answer, Unreachable> {
        let (head, mut incoming) = response.into_parts();
        let silence_max = self.options.silence_max;
        let bytes_max = self.options.answer_bytes_max;
        let mut body = Vec::new();
        while let Some(frame) =
            timeout(silence_max, incoming.frame()).await.map_err(|_| Unreachable::Silent(silence_max))?
        {
            let frame = frame.map_err(|error| Unreachable::Broken(root_cause(&error)))?;
            if let Ok(data) = frame.into_data() {
                if bytes_max < body.len() + data.len() {
                    return Err(Unreachable::TooLarge { bytes_max });
                }
                on_bytes();
                body.extend_from_slice(&data);
            }
        }
        let has_next_token = self.options.token.as_ref().is_some_and(Token::is_asked);
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.into(), has_next_token })
    }
}

/// The innermost reason: the outer ones only say that something failed.
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
