//! A reader: what it has received so far, over whatever transports and connections.

use crate::clock::{Deadline, pause};
use crate::follower::{Event, FollowError, Follower, Message, Skipped, Start, Transport};
use std::net::SocketAddr;
use std::time::Duration;

/// How long to wait before a lost connection is opened again.
const RECONNECT_AFTER: Duration = Duration::from_millis(10);

/// A reader of one stream, that goes on from its last offset whenever and however it is asked to.
#[derive(Debug)]
pub struct Reader {
    address: SocketAddr,
    stream: String,
    start: Start,
    messages: Vec<Message>,
    skipped: Vec<Skipped>,
    connections: usize,
}

impl Reader {
    /// One that begins at `start`.
    pub fn new(address: SocketAddr, stream: &str, start: Start) -> Reader {
        Reader {
            address,
            stream: stream.to_owned(),
            start,
            messages: Vec::new(),
            skipped: Vec::new(),
            connections: 0,
        }
    }

    /// Everything it has received.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// What it was skipped over.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The JSON texts of everything it has received.
    pub fn data(&self) -> Vec<&str> {
        self.messages.iter().map(|message| &*message.data).collect()
    }

    /// The offset from which it would go on, once the server has named one.
    pub fn offset(&self) -> Option<&str> {
        match &self.start {
            Start::Offset(token) if token.contains('_') => Some(token),
            Start::Offset(_) | Start::Last(_) => None,
        }
    }

    /// How often it has connected.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Goes on elsewhere, for instance through a proxy.
    pub fn go_to(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// Follows over `transport`, reconnecting for ever, until `enough` says so or the deadline passes.
    ///
    /// # Panics
    /// When the server refuses, resets or breaks the protocol.
    pub fn follow_while(
        &mut self,
        transport: Transport,
        deadline: Deadline,
        mut enough: impl FnMut(&Reader) -> bool,
    ) {
        while !enough(self) && !deadline.passed() {
            match self.connect_and_follow(transport, deadline, &mut enough) {
                Ok(()) => return,
                Err(error) if error.is_passing() => pause(RECONNECT_AFTER),
                Err(error) => panic!("{transport} from {:?}: {error}", self.start),
            }
        }
    }

    /// Follows over `transport` until it has received so many messages in all.
    ///
    /// # Panics
    /// When they don't come.
    pub fn follow_until_count(&mut self, transport: Transport, count: usize) {
        self.follow_while(transport, Deadline::patient(), |reader| count <= reader.messages.len());
        assert_eq!(self.messages.len(), count, "over {transport}: {:?}", self.data());
    }

    /// Follows over `transport` until it has received what is stored.
    ///
    /// # Panics
    /// When it does not catch up in time.
    pub fn catch_up(&mut self, transport: Transport) {
        let deadline = Deadline::patient();
        while !deadline.passed() {
            match self.follow_to_live(transport, deadline) {
                Ok(()) => return,
                Err(error) if error.is_passing() => pause(RECONNECT_AFTER),
                Err(error) => panic!("{transport} from {:?}: {error}", self.start),
            }
        }
        panic!("{transport} did not catch up; {} messages came", self.messages.len());
    }

    fn connect_and_follow(
        &mut self,
        transport: Transport,
        deadline: Deadline,
        enough: &mut impl FnMut(&Reader) -> bool,
    ) -> Result<(), FollowError> {
        let mut follower = self.connect(transport)?;
        while !enough(self) {
            match follower.next(deadline)? {
                None => return Ok(()),
                Some(event) => self.on_event(event, &follower),
            }
        }
        Ok(())
    }

    fn follow_to_live(&mut self, transport: Transport, deadline: Deadline) -> Result<(), FollowError> {
        let mut follower = self.connect(transport)?;
        while let Some(event) = follower.next(deadline)? {
            let is_live = matches!(event, Event::Live | Event::Closed);
            self.on_event(event, &follower);
            if is_live {
                break;
            }
        }
        Ok(())
    }

    fn connect(&mut self, transport: Transport) -> Result<Follower, FollowError> {
        let follower = Follower::open(transport, self.address, &self.stream, &self.start)?;
        self.connections += 1;
        Ok(follower)
    }

    fn on_event(&mut self, event: Event, follower: &Follower) {
        match event {
            Event::Message(message) => self.messages.push(message),
            Event::Skipped(skipped) => self.skipped.push(skipped),
            Event::Reset(reset) => panic!("from {:?}: {reset:?}", self.start),
            Event::Live | Event::Closed => {}
        }
        if let Some(offset) = follower.offset() {
            self.start = Start::after(offset);
        }
    }
}
