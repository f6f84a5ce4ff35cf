//! Asks over HTTP(S): one request, one whole answer, each with a limit. Redirects are not followed: where something secret is sent to, or
//! believed from, stands in the settings.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// How an idle connection is kept: shorter than most servers do, so that it is seldom them who close it under a question.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// Idle connections to one host that are kept.
const IDLE_COUNT_MAX: usize = 32;

/// A pool of connections. Cloning shares it.
#[derive(Clone)]
pub(super) struct Caller(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// How large an answer may be, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes_max: usize,
    pub(super) time_max: Duration,
}

/// A whole answer.
pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("can't be reached: {0}")]
    Broken(String),
    #[error("did not answer within {} ms", .0.as_millis())]
    Slow(Duration),
    #[error("answers more than {0} bytes")]
    TooLarge(usize),
}

impl Caller {
    /// Believes the certificate authorities of the system, if TLS is needed at all.
    pub(super) fn new(needs_tls: bool) -> Result<Caller, rustls::Error> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false); // The connector around it asks it for the bare connection of an `https:` URL.
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(if needs_tls { believing_the_system()? } else { believing_nobody()? })
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_COUNT_MAX)
            .build(connector);
        Ok(Caller(pool))
    }

    /// Sends a request, and reads the answer to its end.
    pub(super) async fn ask(&self, request: Request<Full<Bytes>>, limits: Limits) -> Result<Whole, NoAnswer> {
        let slow = |_elapsed| NoAnswer::Slow(limits.time_max);
        tokio::time::timeout(limits.time_max, self.whole(request, limits.bytes_max)).await.map_err(slow)?
    }

    async fn whole(&self, request: Request<Full<Bytes>>, bytes_max: usize) -> Result<Whole, NoAnswer> {
        let broken = |error: &dyn Error| NoAnswer::Broken(root_cause(error));
        let answer = self.0.request(request).await.map_err(|error| broken(&error))?;
        let (head, mut incoming) = answer.into_parts();
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes_max < body.len() + data.len() {
                return Err(NoAnswer::TooLarge(bytes_max));
            }
            body.extend_from_slice(&data);
        }
        Ok(Whole { status: head.status, headers: head.headers, body })
    }
}

fn believing_the_system() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(Arc::clone(&provider))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // The word for any verifier but the built-in one.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// For plain HTTP: nothing is read from the system.
fn believing_nobody() -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// The innermost reason: the outer ones only say that something failed.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
