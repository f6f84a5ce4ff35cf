//! A front of the server that counts connections, and may speak TLS.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A front of one server. It ends with the value.
pub(crate) struct Front {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl Front {
    /// A front that passes everything on.
    pub(crate) async fn plain(server: SocketAddr) -> Front {
        Front::start(server, None).await
    }

    /// A front that speaks TLS, with a certificate that it makes itself; the certificate in PEM.
    pub(crate) async fn tls(server: SocketAddr) -> (Front, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        (Front::start(server, Some(TlsAcceptor::from(Arc::new(config)))).await, cert.pem())
    }

    async fn start(server: SocketAddr, acceptor: Option<TlsAcceptor>) -> Front {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&open);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (counter, acceptor) = (Arc::clone(&counter), acceptor.clone());
                connections.spawn(async move {
                    counter.fetch_add(1, Ordering::SeqCst);
                    match acceptor {
                        None => pass(client, server).await,
                        Some(acceptor) => {
                            if let Ok(client) = acceptor.accept(client).await {
                                pass(client, server).await;
                            }
                        }
                    }
                    counter.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Front { address, open, _task: task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

async fn pass(mut client: impl AsyncRead + AsyncWrite + Unpin, server: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(server).await {
        let _either_may_end_it = copy_bidirectional(&mut client, &mut server).await;
    }
}
