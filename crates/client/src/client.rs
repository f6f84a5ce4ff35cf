//! The client of one server: one file per operation.

mod close;
mod create;
mod delete;
mod head;
mod list;
mod publish;
mod read;

pub use close::{CloseError, Closed};
pub use create::{CreateError, CreateOptions, Created};
pub use delete::DeleteError;
pub use head::{HeadError, StreamHead};
pub use list::{FollowerCounts, ListError, StreamEntry, StreamPages};
pub use publish::{Publish, PublishError, Published};
pub use read::{Page, ReadError};

pub(crate) use read::page_request;

use crate::http_client::HttpClient;
use crate::{
    Follow, FollowOptions, InvalidCertificate, InvalidUrl, Publisher, PublisherOptions, RootCertificate,
    ServerUrl,
};
use std::sync::Arc;
use std::time::Duration;
use tidings_model::StreamName;

/// What may be said about how a client works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// The `User-Agent` of its requests; control characters are sent as spaces.
    pub user_agent: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take to begin, or stop in the middle. (Follows have their own limits.)
    pub silence_max: Duration,
    /// The largest answer, event or frame that is taken.
    pub answer_bytes_max: usize,
    /// Certificates that are believed besides those of the system, where the server's URL is `https://`.
    pub root_certificates: Vec<RootCertificate>,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            user_agent: concat!("tidings/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            silence_max: Duration::from_secs(30),
            answer_bytes_max: 64 << 20,
            root_certificates: Vec::new(),
        }
    }
}

/// Why there can't be such a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// That is not the address of a server.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// TLS would believe nobody: neither the system nor the options have a certificate that can be used.
    #[error(transparent)]
    Certificates(#[from] InvalidCertificate),
}

/// A client of one server. Cloning shares its connections. It needs a tokio runtime with time and I/O; one of
/// the current thread is enough.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: Arc<HttpClient>,
}

impl Client {
    /// A client of the server at that URL, such as `http://127.0.0.1:4437` or `https://updates.example.org`. Nothing
    /// is connected yet.
    pub fn new(url: &str) -> Result<Client, ClientError> {
        Client::with_options(url, ClientOptions::default())
    }

    /// The same with options of your own.
    pub fn with_options(url: &str, options: ClientOptions) -> Result<Client, ClientError> {
        let server = ServerUrl::parse(url)?;
        Ok(Client { http: Arc::new(HttpClient::new(server, options)?) })
    }

    /// Where the server is.
    pub fn server(&self) -> &ServerUrl {
        self.http.server()
    }

    /// Follows a stream for ever.
    pub fn follow(&self, name: &StreamName, options: FollowOptions) -> Follow {
        Follow::new(self.clone(), name.clone(), options)
    }

    /// Publishes to a stream in order, each message once, whatever happens to the connection.
    pub fn publisher(&self, name: &StreamName, options: PublisherOptions) -> Publisher {
        Publisher::new(self.clone(), name.clone(), options)
    }
}
