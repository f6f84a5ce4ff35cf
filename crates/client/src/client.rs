//! The client of one server: one file per operation.

mod close;
mod create;
mod delete;
mod head;
mod list;
mod options;
mod publish;
mod read;

pub use close::{CloseError, Closed};
pub use create::{CreateError, CreateOptions, Created};
pub use delete::DeleteError;
pub use head::{HeadError, StreamHead};
pub use list::{FollowerCounts, ListError, StreamEntry, StreamPages};
pub use options::{ClientOptions, Via};
pub use publish::{Publish, PublishError, Published};
pub use read::{Page, ReadError};

pub(crate) use read::read_page;

use crate::http_client::HttpClient;
use crate::hub::{self, Control, Shared};
use crate::{
    Follow, FollowOptions, InvalidCertificate, InvalidUrl, Publisher, PublisherOptions, ServerUrl, Standpoint,
};
use std::sync::{Arc, Mutex, PoisonError};
use tidings_model::StreamName;
use tokio::task::JoinSet;

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

/// A client of one server. Cloning shares everything: its connections, and the session that follows streams, any number of
/// them over one connection.
///
/// It needs a tokio runtime with time and I/O; one of the current thread is enough.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) http: Arc<HttpClient>,
    pub(crate) shared: Arc<Shared>,
    /// The task of the hub. It ends with the last clone of the client and the last follow.
    hub: Mutex<JoinSet<()>>,
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
        let http = Arc::new(HttpClient::new(server, options)?);
        let inner = Inner { http, shared: Arc::default(), hub: Mutex::default() };
        Ok(Client { inner: Arc::new(inner) })
    }

    /// Where the server is.
    pub fn server(&self) -> &ServerUrl {
        self.inner.http.server()
    }

    /// Follows a stream for ever. All follows of a client share one session and its connection, from wherever each
    /// begins; one stream may be followed several times, too.
    ///
    /// It begins at once inside a tokio runtime, else when it is first polled.
    pub fn follow(&self, name: &StreamName, options: FollowOptions) -> Follow {
        Follow::new(self.clone(), name.clone(), &options)
    }

    /// Publishes to a stream in order, each message once, whatever happens to the connection: over the WebSocket that
    /// brings messages, where there is one, else by requests of its own.
    pub fn publisher(&self, name: &StreamName, options: PublisherOptions) -> Publisher {
        Publisher::new(self.clone(), name.clone(), options)
    }

    /// Changes the transport of all follows while messages flow. Nothing is lost, doubled or reordered by it.
    pub fn set_via(&self, via: Via) {
        self.inner.shared.control(Control::Via(via));
    }

    /// Where the session of all follows stands.
    pub fn standpoint(&self) -> Standpoint {
        self.inner.shared.standpoint()
    }

    /// The network has come back, or is another one: whatever was connected may be dead without a sign, and what was waited
    /// for may work now. (A sleep of the machine is noticed without this.)
    pub fn wake(&self) {
        self.inner.shared.control(Control::Wake);
    }

    /// Nobody looks at what is followed, or somebody looks again: meanwhile polls are rare, and nothing better is tried.
    pub fn set_hidden(&self, is_hidden: bool) {
        self.inner.shared.control(Control::Hidden(is_hidden));
    }

    /// Closes all connections of follows, until they are resumed.
    pub fn pause(&self) {
        self.inner.shared.control(Control::Pause);
    }

    /// Goes on after [`Client::pause`], from where each follow stands.
    pub fn resume(&self) {
        self.inner.shared.control(Control::Resume);
    }

    /// Starts the hub, unless it runs. Outside of a runtime it starts later.
    pub(crate) fn start_hub(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut hub = self.inner.hub.lock().unwrap_or_else(PoisonError::into_inner);
        while hub.try_join_next().is_some() {} // One whose runtime has ended.
        if hub.is_empty() {
            let (shared, http) = (Arc::clone(&self.inner.shared), Arc::clone(&self.inner.http));
            hub.spawn_on(hub::run(shared, http), &runtime);
        }
    }
}
