//! Number 8: a publish between the stored read and going live is neither lost nor doubled, 10,000 times.

use crate::workload::message;
use std::net::SocketAddr;
use std::time::Duration;
use tidings_testkit::{
    Api, Connection, Deadline, Event, Follower, Random, Request, Server, Start, Transport, pause,
};

const RACES: usize = 10_000;
const WORKERS: usize = 8;
/// About how long a publish takes, and so how far apart a race may begin.
const HEAD_START_MAX: Duration = Duration::from_micros(1_500);

pub(crate) fn loses_and_doubles_nothing(transport: Transport) {
    let server = Server::start();
    let address = server.address();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            scope.spawn(move || Worker::new(address, transport, worker).race(RACES / WORKERS));
        }
    });
}

/// Races one follower after another against one publish, on a stream of its own.
struct Worker {
    address: SocketAddr,
    transport: Transport,
    stream: String,
    publisher: Connection,
    random: Random,
    published: usize,
}

impl Worker {
    fn new(address: SocketAddr, transport: Transport, worker: usize) -> Worker {
        let stream = format!("race/{worker}");
        Api::new(address).create(&stream, &[]);
        let publisher = Connection::open(address).unwrap();
        Worker { address, transport, stream, publisher, random: Random::seeded(worker as u64), published: 0 }
    }

    fn race(&mut self, races: usize) {
        self.send_publish();
        let mut before_last = Start::beginning();
        self.expect_published();
        for _ in 0..races {
            // One message is stored, one is on its way.
            let stored = self.published - 1;
            let mut follower = self.start_both(&before_last);
            expect(&mut follower, stored);
            expect(&mut follower, stored + 1);
            self.expect_published();
            // Whatever came twice would come before this one.
            before_last = Start::after(follower.offset().unwrap());
            self.send_publish();
            expect(&mut follower, stored + 2);
            self.expect_published();
        }
    }

    /// Either the follower or the publish is ahead by a little.
    fn start_both(&mut self, start: &Start) -> Follower {
        let head_start = self.random.duration(Duration::ZERO, HEAD_START_MAX);
        if self.random.below(2) == 0 {
            self.send_publish();
            pause(head_start);
            self.open(start)
        } else {
            let follower = self.open(start);
            pause(head_start);
            self.send_publish();
            follower
        }
    }

    fn open(&self, start: &Start) -> Follower {
        Follower::open(self.transport, self.address, &self.stream, start).unwrap()
    }

    fn send_publish(&mut self) {
        let request = Request::post(format!("/v1/stream/{}", self.stream)).json(message(self.published));
        self.publisher.send(&request).unwrap();
        self.published += 1;
    }

    fn expect_published(&mut self) {
        let answer = self.publisher.answer(&Request::post(""), Deadline::patient()).unwrap();
        let answer = answer.expect("a publish is answered in time");
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
}

fn expect(follower: &mut Follower, n: usize) {
    let deadline = Deadline::patient();
    loop {
        match follower.next(deadline).unwrap() {
            Some(Event::Live) => {}
            Some(Event::Message(received)) => {
                assert_eq!(received.data, message(n));
                return;
            }
            other => panic!("message {n} was expected, but: {other:?}"),
        }
    }
}
