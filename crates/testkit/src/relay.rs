//! A relay that speaks TLS to a server for clients that speak none, so that whatever tests a server can test it over TLS.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

/// A relay; ends with the value.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    /// Ends its connections when it is dropped.
    _runtime: Runtime,
}

impl Relay {
    /// Relays to the server at `to`, whose certificate has to be one for `localhost`.
    pub fn start(to: SocketAddr, config: Arc<ClientConfig>) -> Relay {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build();
        let runtime = runtime.expect("a thread can be started");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        runtime.spawn(accept(listener, to, TlsConnector::from(config)));
        Relay { address, _runtime: runtime }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[expect(clippy::disallowed_methods, reason = "tasks end with the runtime, which ends with the relay")]
async fn accept(listener: TcpListener, to: SocketAddr, tls: TlsConnector) {
    while let Ok((client, _)) = listener.accept().await {
        let tls = tls.clone();
        tokio::task::spawn(async move {
            // What goes wrong the client sees by its own connection, which ends.
            let _ended = relay(client, to, tls).await;
        });
    }
}

async fn relay(mut client: TcpStream, to: SocketAddr, tls: TlsConnector) -> std::io::Result<()> {
    let server = TcpStream::connect(to).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").expect("it is the name of a host");
    let mut server = tls.connect(name, server).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
