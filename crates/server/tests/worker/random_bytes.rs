//! Pipelined requests from seeds, in pieces of any size: whole ones are answered in order, damaged ones end the
//! connection at the worst, and the server lives.

use crate::process::descriptors;
use crate::requests::{OPTIONS, POLL, delete, get, publish, publish_chunked, put};
use crate::wire::Wire;
use std::io::Write;
use tidings_testkit::{Api, Random, Server, eventually};

const STREAMS: usize = 4;

/// A request, and what must be answered to it.
struct Sent {
    text: String,
    statuses: &'static [u16],
    /// It publishes one message to the stream `a`.
    publishes: bool,
}

fn request(random: &mut Random, number: usize) -> Sent {
    let stream = format!("r{}", random.below(STREAMS));
    let sent = |text, statuses| Sent { text, statuses, publishes: false };
    let expecting =
        |request: String| request.replacen("Host: t\r\n", "Host: t\r\nExpect: 100-continue\r\n", 1);
    let number = number.to_string();
    match random.below(10) {
        0 => Sent { publishes: true, ..sent(publish("a", &number), &[204]) },
        1 => Sent { publishes: true, ..sent(publish_chunked("a", &format!("[{number}]")), &[204]) },
        2 => Sent { publishes: true, ..sent(expecting(publish("a", &number)), &[204]) },
        3 => sent(put(&stream), &[200, 201]),
        4 => sent(delete(&stream), &[204, 404]),
        5 => sent(OPTIONS.to_owned(), &[204]),
        6 => sent(get("/v1/stream/a?offset=now&live=long-poll&timeout=0"), &[204]),
        7 => sent(publish(&stream, &"1".repeat(random.below(3_000) + 1)), &[204, 404]),
        8 => sent(expecting(POLL.to_owned()), &[200]),
        _ => sent(POLL.to_owned(), &[200]),
    }
}

fn requests(random: &mut Random) -> Vec<Sent> {
    (0..=random.below(20)).map(|number| request(random, number)).collect()
}

/// In pieces; a server that has closed the connection takes no more.
fn send_in_pieces(wire: &mut Wire, mut bytes: &[u8], random: &mut Random) {
    while !bytes.is_empty() {
        let most = if random.below(3) == 0 { 3 } else { 400 };
        let (piece, rest) = bytes.split_at((random.below(most) + 1).min(bytes.len()));
        if wire.socket().write_all(piece).is_err() {
            return;
        }
        bytes = rest;
    }
}

/// The next answer that is not an interim one.
fn final_answer(wire: &mut Wire) -> crate::wire::Answer {
    loop {
        let answer = wire.answer();
        if answer.status != 100 {
            return answer;
        }
    }
}

#[test]
fn whole_requests_in_any_pieces_are_answered_in_order() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let mut stored = 0;
    for seed in 0..60 {
        let random = &mut Random::seeded(seed);
        let sent = requests(random);
        let mut wire = Wire::connect(&server);
        let bytes: String = sent.iter().map(|sent| sent.text.as_str()).collect();
        send_in_pieces(&mut wire, bytes.as_bytes(), random);
        wire.half_close();
        for (index, sent) in sent.iter().enumerate() {
            let answer = final_answer(&mut wire);
            let place = format!("seed {seed}, answer {index} to {:?}: {}", sent.text, answer.text());
            assert!(sent.statuses.contains(&answer.status), "{}, {place}", answer.status);
            if sent.publishes {
                stored += 1;
                let tail = answer.field("stream-next-offset").unwrap_or_default();
                assert!(tail.ends_with(&format!("_{stored:016}")), "{tail} is not {stored}, {place}");
            }
            if sent.text.contains("offset=-1") {
                let page: Vec<u64> = serde_json::from_slice(&answer.body).expect("a page is JSON");
                assert_eq!(page.len(), stored, "{place}");
            }
        }
        wire.expect_end();
    }
}

/// Bytes that are changed, doubled, or left out.
fn damaged(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    const LIKELY: &[u8] = b"\r\n\0 :;,09afx\t\x7f\xff";
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let byte = LIKELY[random.below(LIKELY.len())];
        match random.below(4) {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => drop(bytes.remove(at)),
            _ => {
                let end = (at + random.below(40) + 1).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

#[test]
fn damaged_requests_end_in_answers_or_in_the_end_of_the_connection() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    drop(api);
    let before = descriptors(&server);
    for seed in 0..400 {
        let random = &mut Random::seeded(seed);
        let sent = requests(random);
        let text: String = sent.iter().map(|sent| sent.text.as_str()).collect();
        let bytes = damaged(text.into_bytes(), random);
        let mut wire = Wire::connect(&server);
        send_in_pieces(&mut wire, &bytes, random);
        wire.half_close();
        let mut is_closed = false;
        while !wire.is_at_end() {
            assert!(!is_closed, "seed {seed}: an answer behind the last one");
            let answer = final_answer(&mut wire);
            assert!(
                answer.status < 500 || matches!(answer.status, 501 | 505),
                "seed {seed}: {}",
                answer.head
            );
            is_closed = answer.field("connection") == Some("close");
        }
    }
    assert_eq!(Wire::connect(&server).ask(POLL).status, 200);
    eventually("all of them are gone", || (descriptors(&server) <= before + 1).then_some(()));
}
