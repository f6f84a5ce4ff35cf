//! Number 14: the clock is set back.

use crate::workload::{STREAM, message, messages};
use tidings_testkit::{Api, Reader, Server, Start, Transport, WallClock};

const HOUR: i64 = 3_600;

/// Under a running server, and while it is down: offsets go on rising, and a reader goes on.
pub(crate) fn is_set_back(transport: Transport) {
    let clock = WallClock::new();
    let mut server = clock.wound_into(Server::builder()).start();
    let mut api = Api::new(server.address());
    let mut offsets = vec![api.create(STREAM, &[])];
    let mut reader = Reader::new(server.address(), STREAM, Start::beginning());
    offsets.push(api.publish(STREAM, &message(0)));
    reader.follow_until_count(transport, 1);

    clock.shift(-HOUR);
    offsets.push(api.publish(STREAM, &message(1)));
    reader.follow_until_count(transport, 2);

    clock.shift(-2 * HOUR);
    server.kill_9();
    server.restart();
    let mut api = Api::new(server.address());
    offsets.push(api.publish(STREAM, &message(2)));
    reader.follow_until_count(transport, 3);

    assert!(offsets.is_sorted_by(|before, after| before < after), "{offsets:?}");
    assert_eq!(reader.data(), messages(0, 3));
    let times: Vec<&str> = reader.messages().iter().map(|message| &*message.time).collect();
    assert!(times[0] > times[1] && times[1] > times[2], "the clock was not set back: {times:?}");
}
