//! Scenario 27: there is no room. Publishes are refused with the reason, everything else goes on, and publishing resumes by itself when
//! there is room again.
//!
//! The disk is a real file system, which root may mount; anybody else puts `unshare --map-root-user --mount` before the command.

#![expect(clippy::unwrap_used, reason = "a test may unwrap")]

mod publishing;
mod small_disk;
mod turns;

use publishing::{
    assert_reads, fill, fill_by_turns, fill_the_rest, message, publish, readiness, small_files,
    wait_until_ready,
};
use serde_json::json;
use small_disk::SmallDisk;
use tidings_testkit::{Api, Reader, Request, Server, Socket, Start, Transport, eventually};
use turns::Turn;

const STREAM: &str = "full/stream";
const DISK_MEBIBYTES: usize = 24;
const DISK_BYTES: usize = DISK_MEBIBYTES << 20;
const BALLAST_MEBIBYTES: usize = 16;
const MEMORY_BYTES: usize = 8 << 20;

#[test]
fn scenario_27_a_full_disk_refuses_publishes_and_recovers_by_itself() {
    let _turn = Turn::take();
    let disk = SmallDisk::mount(DISK_MEBIBYTES);
    let mut server = small_files().data_inside(disk.folder()).start();
    let address = server.address();
    let mut api = Api::new(address);
    api.create(STREAM, &[]);
    let small = SmallStreams::create(&mut api);
    disk.put_ballast(BALLAST_MEBIBYTES);
    let count = fill(&mut api, STREAM, 0, DISK_BYTES);
    fill_the_rest(&mut api, SmallStreams::KEPT);
    assert!(10 < count, "only {count} messages had room");
    assert_eq!(readiness(&mut api), (503, json!(["storage_full"])));
    api.expect(200, &Request::get("/health/live"));
    refuses_over_a_websocket(&mut Socket::expect(address, "/v1/ws"));

    // What makes room is not refused for want of it.
    let mut readers = Transport::ALL.map(|via| (via, Reader::new(address, STREAM, Start::beginning())));
    for (via, reader) in &mut readers {
        assert_reads(reader, *via, count);
    }
    small.wait_until_trimmed(&mut api);
    small.delete(&mut api);

    // Neither is a start.
    server.kill_9();
    server.restart();
    let mut api = Api::new(address);
    small.assert_gone(&mut api);
    assert_reads(&mut Reader::new(address, STREAM, Start::beginning()), Transport::Poll, count);
    let count = fill(&mut api, STREAM, count, DISK_BYTES); // Some more if deleting has made room.

    disk.remove_ballast();
    wait_until_ready(&mut api);
    assert_eq!(publish(&mut api, STREAM, count).status, 204);
    for (via, reader) in &mut readers {
        assert_reads(reader, *via, count + 1);
    }
}

#[test]
fn scenario_27_full_memory_refuses_publishes_to_memory_streams() {
    let _turn = Turn::take();
    let server = small_files().setting("--memory-bytes", MEMORY_BYTES.to_string()).start();
    let mut api = Api::new(server.address());
    api.create(STREAM, &[("Stream-Durability", "memory")]);
    api.create("full/disk", &[]);
    let count = fill(&mut api, STREAM, 0, MEMORY_BYTES);
    assert_eq!(readiness(&mut api), (503, json!(["memory_full"])));
    let mut reader = Reader::new(server.address(), STREAM, Start::beginning());
    assert_reads(&mut reader, Transport::Poll, count);
    assert_eq!(publish(&mut api, "full/disk", 0).status, 204, "a disk stream has room");
    assert_eq!(readiness(&mut api), (503, json!(["memory_full"])));
}

#[test]
fn scenario_27_a_deleted_stream_gives_its_room_on_disk_back() {
    let _turn = Turn::take();
    let disk = SmallDisk::mount(DISK_MEBIBYTES);
    let server = small_files().data_inside(disk.folder()).start();
    a_deleted_stream_gives_its_room_back(&server, "disk", "storage_full", DISK_BYTES);
}

#[test]
fn scenario_27_a_deleted_stream_gives_its_room_in_memory_back() {
    let _turn = Turn::take();
    let server = small_files().setting("--memory-bytes", MEMORY_BYTES.to_string()).start();
    a_deleted_stream_gives_its_room_back(&server, "memory", "memory_full", MEMORY_BYTES);
}

/// Twice, so that it is not only a reserve that is used up. What is kept beside it stays.
fn a_deleted_stream_gives_its_room_back(server: &Server, durability: &str, reason: &str, bytes_max: usize) {
    let mut api = Api::new(server.address());
    let headers = [("Stream-Durability", durability)];
    api.create(SmallStreams::KEPT, &headers);
    let mut counts = Vec::new();
    for round in 0..2 {
        api.create(STREAM, &headers);
        counts.push(fill(&mut api, STREAM, 0, bytes_max));
        assert_eq!(readiness(&mut api), (503, json!([reason])));
        api.delete(STREAM);
        wait_until_ready(&mut api);
        assert_eq!(publish(&mut api, SmallStreams::KEPT, round).status, 204);
    }
    let mut reader = Reader::new(server.address(), SmallStreams::KEPT, Start::beginning());
    assert_reads(&mut reader, Transport::Poll, 2);
    assert!(
        counts[0] / 2 < counts[1],
        "the room of {} messages came back as that of {}",
        counts[0],
        counts[1]
    );
}

#[test]
fn scenario_27_what_lay_between_other_messages_gives_its_room_on_disk_back() {
    let _turn = Turn::take();
    let disk = SmallDisk::mount(DISK_MEBIBYTES);
    let server = small_files().data_inside(disk.folder()).start();
    one_of_two_gives_its_room_back(&server, "disk", "storage_full", DISK_BYTES);
}

#[test]
fn scenario_27_what_lay_between_other_messages_gives_its_room_in_memory_back() {
    let _turn = Turn::take();
    let server = small_files().setting("--memory-bytes", MEMORY_BYTES.to_string()).start();
    one_of_two_gives_its_room_back(&server, "memory", "memory_full", MEMORY_BYTES);
}

/// Two streams with messages by turns, of which one is deleted: nothing is dead as a whole, and what is left is written again
/// where there is no room.
fn one_of_two_gives_its_room_back(server: &Server, durability: &str, reason: &str, bytes_max: usize) {
    let mut api = Api::new(server.address());
    let headers = [("Stream-Durability", durability)];
    let streams = [SmallStreams::KEPT, STREAM];
    for stream in streams {
        api.create(stream, &headers);
    }
    let count = fill_by_turns(&mut api, streams, bytes_max);
    assert_eq!(readiness(&mut api), (503, json!([reason])));
    api.delete(STREAM);
    wait_until_ready(&mut api);
    let kept = count.div_ceil(2);
    let kept = fill(&mut api, SmallStreams::KEPT, kept, bytes_max);
    assert!(count / 2 + count / 8 < kept, "half of {count} messages went, and {kept} have room");
    let mut reader = Reader::new(server.address(), SmallStreams::KEPT, Start::beginning());
    assert_reads(&mut reader, Transport::Poll, kept);
}

/// Small streams beside the large one, of which one is trimmed by age and some are deleted.
struct SmallStreams {
    deleted: Vec<String>,
    aged_tail: String,
}

impl SmallStreams {
    const KEPT: &str = "full/kept";
    const AGED: &str = "full/aged";
    const DELETED: usize = 10;

    fn create(api: &mut Api) -> SmallStreams {
        api.create(SmallStreams::KEPT, &[]);
        let deleted: Vec<String> =
            (0..SmallStreams::DELETED).map(|index| format!("full/deleted/{index}")).collect();
        for stream in &deleted {
            api.create(stream, &[]);
            api.publish(stream, "1");
        }
        api.create(SmallStreams::AGED, &[("Stream-Retention-Age", "6")]);
        let aged_tail = api.publish(SmallStreams::AGED, "[1,2,3]");
        SmallStreams { deleted, aged_tail }
    }

    fn wait_until_trimmed(&self, api: &mut Api) {
        eventually("age trims", || self.is_trimmed(api).then_some(()));
    }

    fn delete(&self, api: &mut Api) {
        self.deleted.iter().for_each(|stream| api.delete(stream));
    }

    fn assert_gone(&self, api: &mut Api) {
        assert!(self.is_trimmed(api), "trimmed messages are back");
        for stream in &self.deleted {
            api.expect(404, &Request::new("HEAD", format!("/v1/stream/{stream}")));
        }
    }

    fn is_trimmed(&self, api: &mut Api) -> bool {
        api.head(SmallStreams::AGED).header("stream-earliest-offset") == Some(&*self.aged_tail)
    }
}

fn refuses_over_a_websocket(socket: &mut Socket) {
    let data: serde_json::Value = serde_json::from_str(&message(0)).unwrap();
    let publish = json!({"type": "publish", "id": "7", "stream": STREAM, "data": data});
    socket.send_text(&publish.to_string()).unwrap();
    let answer =
        eventually("a publish is answered", || Some(socket.expect_json()).filter(|frame| frame["id"] == "7"));
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("storage_full")), "{answer}");
    assert_eq!(answer["retryable"], true);
}
