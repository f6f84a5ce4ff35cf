//! A proxy that makes a server far away and its network bad.
//!
//! One thread and one poll for all connections; a connection is two sockets and two [pipes](pipe) of plain data. Passes bytes on and
//! counts them. Does not know what they mean.
//!
//! ```text
//! client ──► from_client: what was read, each piece with the moment of its arrival ──► server
//!        ◄── from_server ◄──
//! ```
//! Half a round trip is added in each direction, a whole one more to the first bytes of a client, as a handshake would. The rate is
//! not limited. With loss a piece of data, that is what one read finds, may be lost and its connection with it: both ends see a reset
//! at once, and what was on its way is gone.
//!
//! Its own cost is told apart: about 10 µs of processor time for a piece that comes alone (2-core virtual machine, busy, debug build).
//! Two files for each connection, and no thread.

mod alarm;
mod dial;
mod link;
mod pipe;
mod pump;
mod tally;

use pump::Pump;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
pub(crate) use tally::Counts;
use tally::Tally;

/// Commands that wait; each is done at once.
const COMMANDS_MAX: usize = 4;

/// A network between clients and a server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Network {
    /// The round trip that is added.
    pub(crate) rtt: Duration,
    /// The chance of each piece of data to be lost, 0 to 1.
    pub(crate) loss: f64,
    /// What chance begins with: the same seed meets the same losses, as far as the pieces are the same.
    pub(crate) seed: u64,
}

impl Network {
    fn one_way(&self) -> Duration {
        self.rtt / 2
    }
}

/// A proxy before one server. Ends with the value, and resets what is still open.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    network: Network,
    tally: Arc<Tally>,
    commands: SyncSender<Command>,
    waker: mio::Waker,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Command {
    /// Resets a share of the open connections, and answers with their number.
    Reset {
        share: f64,
        done: SyncSender<usize>,
    },
    End,
}

impl Proxy {
    /// Files that each connection takes in this process, beside the one of the client.
    pub(crate) const FILES_PER_CONNECTION: usize = 2;

    /// Starts one on a free port of the loopback. The server need not be there yet.
    pub(crate) fn start(to: SocketAddr, network: Network) -> io::Result<Proxy> {
        let tally = Arc::new(Tally::default());
        let (commands, received) = sync_channel(COMMANDS_MAX);
        let (pump, waker, address) = Pump::new(to, network, Arc::clone(&tally), received)?;
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(|| pump.run())?;
        Ok(Proxy { address, network, tally, commands, waker, thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it makes of the network.
    pub(crate) fn network(&self) -> Network {
        self.network
    }

    /// The processor time that its thread has used.
    pub(crate) fn cpu(&self) -> Duration {
        self.tally.cpu()
    }

    /// What went through so far.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests compare other counts with them"))]
    pub(crate) fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Resets that share of the connections that are open now, one at least if there is one. Returns how many.
    pub(crate) fn reset(&self, share: f64) -> usize {
        let (done, number) = sync_channel(1);
        self.tell(Command::Reset { share, done });
        number.recv().expect("the thread answers before it ends")
    }

    fn tell(&self, command: Command) {
        self.commands.send(command).expect("the thread runs as long as the value lives");
        self.waker.wake().expect("a thread that runs can be woken");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if self.commands.send(Command::End).is_ok() && self.waker.wake().is_ok() {
            let _joined = self.thread.take().map(JoinHandle::join); // A panic has been printed.
        }
    }
}

#[cfg(test)]
mod tests;
