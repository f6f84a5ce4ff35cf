//! One server under one load.

use super::connections::{Connections, Driver};
use super::peer::Peer;
use super::server::{Server, free_address};
use super::wire::Wire;
use crate::campaign::Load;
use crate::clock;
use crate::disk::Disk;
use crate::latency::Latency;
use crate::measured::{Measured, Moment, Window};
use crate::messages::Messages;
use crate::process::Process;
use crate::random::Random;
use crate::{CampaignArguments, WindowArguments};
use anyhow::Context;
use std::time::{Duration, Instant};

/// How many connections make the streams.
const PREPARING: u32 = 64;
/// Streams that are not made by then never will be.
const PREPARING_MAX: Duration = Duration::from_mins(2);

/// Starts the server over an empty folder, makes its streams, and publishes.
pub(crate) fn run(peer: &dyn Peer, load: Load, arguments: &CampaignArguments) -> anyhow::Result<Measured> {
    let folder = tempfile::tempdir_in(&arguments.data).context("making a folder for the cell")?;
    let path = folder.path().canonicalize().context("finding the folder of the cell")?;
    let address = free_address()?;
    let server = Server::start(peer.command(&path, address.port())?, address, &path)?;
    let wire = peer.wire();
    prepare(peer, &*wire, &server, load.streams).context("making the streams")?;
    let disk = Disk::under(&path)?;
    let mut connections = Connections::open(&*wire, address, load.in_flight)?;
    let publishing = Publishing::new(&*wire, load.streams, arguments.window, &server, disk)?;
    let measured = publishing.run(&mut connections);
    drop(server);
    folder.close().context("removing the cell's folder")?;
    // What the disk still has to do for this cell must not fall on the next.
    rustix::fs::sync();
    measured
}

fn prepare(peer: &dyn Peer, wire: &dyn Wire, server: &Server, streams: u32) -> anyhow::Result<()> {
    let requests = peer.preparing_requests(streams);
    let until = clock::now() + PREPARING_MAX;
    let mut preparing = Preparing { peer, requests, submitted: 0, done: 0, until };
    Connections::open(wire, server.address(), requests.min(PREPARING))?.run(&mut preparing)
}

/// Makes the streams.
struct Preparing<'a> {
    peer: &'a dyn Peer,
    requests: u32,
    submitted: u32,
    done: u32,
    until: Instant,
}

impl Driver for Preparing<'_> {
    fn submit(&mut self, _connection: usize, output: &mut Vec<u8>) -> bool {
        if self.submitted == self.requests {
            return false;
        }
        self.peer.prepare(self.submitted, output);
        self.submitted += 1;
        true
    }

    fn on_done(&mut self, _took: Duration, _bytes: usize) {
        self.done += 1;
    }

    fn is_over(&mut self, now: Instant) -> anyhow::Result<bool> {
        anyhow::ensure!(now < self.until, "only {} of {} were made in time", self.done, self.requests);
        Ok(self.done == self.requests)
    }
}

/// Publishes any message to any stream, and measures.
struct Publishing<'a> {
    wire: &'a dyn Wire,
    server: &'a Server,
    disk: Disk,
    streams: u32,
    messages: Messages,
    random: Random,
    latency: Latency,
    begins: Instant,
    ends: Instant,
    began: Option<Moment>,
}

impl<'a> Publishing<'a> {
    /// The time runs from now on: the connections are open.
    fn new(
        wire: &'a dyn Wire,
        streams: u32,
        window: WindowArguments,
        server: &'a Server,
        disk: Disk,
    ) -> anyhow::Result<Publishing<'a>> {
        let begins = clock::now() + window.warm_up;
        Ok(Publishing {
            wire,
            server,
            disk,
            streams,
            messages: Messages::new(),
            random: Random::new(0),
            latency: Latency::new()?,
            begins,
            ends: begins + window.seconds,
            began: None,
        })
    }

    fn run(mut self, connections: &mut Connections<'_>) -> anyhow::Result<Measured> {
        connections.run(&mut self)?;
        let began = self.began.context("the time was over before it began")?;
        let window = Window { began, ended: self.moment()? };
        Measured::of(&self.latency, &window, self.process())
    }

    fn process(&self) -> Process {
        Process::Child(self.server.process_id())
    }

    fn moment(&self) -> anyhow::Result<Moment> {
        Moment::now(self.process(), &self.disk)
    }
}

impl Driver for Publishing<'_> {
    fn submit(&mut self, connection: usize, output: &mut Vec<u8>) -> bool {
        let stream = self.random.below(self.streams);
        let message = self.messages.pick(&mut self.random);
        self.wire.publish(connection, stream, message, output);
        true
    }

    fn on_done(&mut self, took: Duration, _bytes: usize) {
        if self.began.is_some() {
            self.latency.record(took, 1);
        }
    }

    fn is_over(&mut self, now: Instant) -> anyhow::Result<bool> {
        if self.began.is_none() && self.begins <= now {
            self.began = Some(self.moment()?);
        }
        Ok(self.ends <= now)
    }
}
