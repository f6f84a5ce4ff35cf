//! A server that is running, and how to speak to it.

use super::answer::{AnswerReader, Part, room};
use super::ask::{Answer, Asker, Endpoint};
use super::child::{Child, Program, Starting};
use super::dialect::{Dialect, Place, Tidings};
use super::origin::{Origin, shown_url};
use super::usage;
use crate::findings::ServerFacts;
use crate::proxy::{Network, Proxy};
use anyhow::Context as _;
use std::sync::Arc;
use std::time::Duration;

/// A server that is running, and how to speak to it.
#[derive(Debug)]
pub(crate) struct Site {
    /// Where followers connect.
    pub(super) followers: Endpoint,
    /// Where messages are published: at the server itself, also when followers go through a proxy.
    pub(super) publisher: Endpoint,
    pub(super) dialect: Arc<dyn Dialect>,
    /// The server, where it is our own.
    pub(super) child: Option<Child>,
    pub(super) proxy: Option<Proxy>,
    /// The URL, of a server elsewhere.
    url: Option<String>,
    /// What earlier processes of the server used.
    ended_cpu: Duration,
}

impl Site {
    /// Starts a server of our own over a fresh folder. Streams are made with that durability, where one is given.
    pub(crate) fn start_own(program: &Program, durability: Option<String>) -> anyhow::Result<Site> {
        let child = Child::start(program)?;
        let here = Endpoint { address: child.address(), tls: None };
        let origin = Origin::at(here.address.to_string());
        Ok(Site {
            followers: here.clone(),
            publisher: here,
            dialect: Arc::new(Tidings { origin, durability, ttl_s: None }),
            child: Some(child),
            proxy: None,
            url: None,
            ended_cpu: Duration::ZERO,
        })
    }

    /// One that runs elsewhere.
    pub(super) fn at(
        url: String,
        dialect: Arc<dyn Dialect>,
        followers: Endpoint,
        publisher: Endpoint,
    ) -> Site {
        Site {
            followers,
            publisher,
            dialect,
            child: None,
            proxy: None,
            url: Some(url),
            ended_cpu: Duration::ZERO,
        }
    }

    /// From now on followers come through a network. Who publishes stays beside the server.
    pub(crate) fn through(&mut self, network: Network) -> anyhow::Result<()> {
        let proxy = Proxy::start(self.followers.address, network).context("starting the proxy")?;
        self.followers.address = proxy.address();
        self.proxy = Some(proxy);
        Ok(())
    }

    /// Where somebody publishes who is as far away as the followers, and the proxy that is between. Nothing is lost there: a round trip is
    /// of a connection that holds.
    pub(super) fn publisher_afar(&self) -> anyhow::Result<(Endpoint, Option<Proxy>)> {
        let mut endpoint = self.publisher.clone();
        let Some(proxy) = self.proxy.as_ref().filter(|proxy| !proxy.network().rtt.is_zero()) else {
            return Ok((endpoint, None));
        };
        let network = Network { loss: 0.0, ..proxy.network() };
        let proxy = Proxy::start(endpoint.address, network).context("starting the proxy")?;
        endpoint.address = proxy.address();
        Ok((endpoint, Some(proxy)))
    }

    /// What is told of it.
    pub(crate) fn facts(&self) -> ServerFacts {
        let name = match &self.url {
            Some(url) => shown_url(url),
            None => format!("tidings {}", env!("CARGO_PKG_VERSION")),
        };
        ServerFacts { name, speaks: self.dialect.speaks().to_owned(), is_measured: self.child.is_some() }
    }

    /// How it is spoken to.
    pub(crate) fn dialect(&self) -> &dyn Dialect {
        &*self.dialect
    }

    /// Processor time of the server so far, where it is known.
    pub(super) fn cpu(&self) -> Option<Duration> {
        Some(self.ended_cpu + usage::cpu_of(self.child.as_ref()?.process_id())?)
    }

    /// Memory of the server now, where it is known.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        usage::memory_bytes(self.child.as_ref()?.process_id())
    }

    /// Processor time of the proxy that followers go through.
    pub(super) fn proxy_cpu(&self) -> Duration {
        self.proxy.as_ref().map_or(Duration::ZERO, Proxy::cpu)
    }

    /// Kills the server, our own, and begins to start it again over the same folder and on the same port.
    pub(super) fn restart(&mut self) -> anyhow::Result<Starting> {
        self.ended_cpu = self.cpu().unwrap_or_default();
        self.child.as_mut().context("only a server of our own can be restarted")?.restart()
    }

    /// Whether it is back.
    pub(super) fn has_returned(&mut self, starting: &Starting) -> anyhow::Result<bool> {
        let looked = starting.look().map(|address| address.is_some());
        looked.map_err(|error| match &mut self.child {
            Some(child) => child.why(error),
            None => error,
        })
    }

    /// Makes streams. Returns where followers of each begin.
    pub(super) fn create(&self, streams: &[String]) -> anyhow::Result<Vec<Place>> {
        let mut places = vec![Place::default(); streams.len()];
        let mut asker = Asker::new(&self.publisher);
        for (stream, place) in streams.iter().zip(&mut places) {
            let mut request = Vec::new();
            self.dialect.create(stream, &mut request);
            if request.is_empty() {
                continue;
            }
            let answer = asker.ask(&request).and_then(Answer::success);
            let answer = answer.with_context(|| format!("making the stream {stream}"))?;
            let mut fields = room();
            if let Some(Part::Head(head)) =
                AnswerReader::new().next_part(&mut &answer.bytes[..], &mut fields)?
            {
                self.dialect.start(head.fields, place);
            }
        }
        Ok(places)
    }

    /// Removes the streams of a run from a server that goes on; one of our own ends with its folder.
    pub(super) fn remove(&self, streams: &[String]) -> anyhow::Result<()> {
        let mut asker = Asker::new(&self.publisher);
        for stream in streams.iter().filter(|_| self.child.is_none()) {
            let mut request = Vec::new();
            self.dialect.remove(stream, &mut request);
            if !request.is_empty() {
                let answer = asker.ask(&request).and_then(Answer::success);
                answer.with_context(|| format!("removing the stream {stream}"))?;
            }
        }
        Ok(())
    }
}
