//! A state that is made of a stream: how many orders there are of each status, say. It begins with a snapshot, and every
//! message changes it.
//!
//! `cargo run --example state -- http://127.0.0.1:4437 orders snapshot.json`
//!
//! A snapshot is the state together with the offset up to which it was made. Whoever loads both goes on exactly there, so
//! there is neither a gap nor a message that counts twice. After a reset there is a gap: then the state is made anew of what
//! is kept.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use tidings_client::{Client, FollowError, FollowEvent, FollowOptions, Message, Offset, Start, StreamName};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How often each value of a message was seen.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts(pub(crate) BTreeMap<String, u64>);

impl Counts {
    /// Everything that a message changes.
    fn reduce(&mut self, message: &Message) {
        let value = message.data.as_json().unwrap_or("(bytes)").to_owned();
        *self.0.entry(value).or_default() += 1;
    }
}

/// The state, and where it was made.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Snapshot {
    offset: Option<String>,
    counts: Counts,
}

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, clippy::print_stdout, reason = "a test runs what it calls; a program may print")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: state URL STREAM FILE";
    let mut next = || arguments.next().ok_or(usage);
    let (url, stream, file) = (next()?, next()?, next()?);
    let counts = run(&Client::new(&url)?, &stream, Path::new(&file), |counts| println!("{counts:?}")).await?;
    println!("closed: {counts:?}");
    Ok(())
}

/// Keeps the state until the stream is closed. `show` sees it whenever it is up to date.
pub(crate) async fn run(
    client: &Client,
    stream: &str,
    file: &Path,
    show: impl Fn(&Counts),
) -> Result<Counts, Error> {
    let Snapshot { offset, mut counts } = match std::fs::read(file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => Snapshot::default(),
    };
    let start = match offset {
        Some(offset) => Start::After(Offset::parse(&offset)?),
        None => Start::Beginning,
    };
    let options = FollowOptions { wait_for_stream: true, ..FollowOptions::from(start) };
    let mut follow = client.follow(&StreamName::parse(stream)?, options);
    let mut is_live = false;
    loop {
        match follow.next().await {
            Ok(FollowEvent::Messages(messages)) => {
                for message in &messages {
                    counts.reduce(message);
                }
                if is_live {
                    show(&counts);
                }
            }
            Ok(FollowEvent::Live { offset }) => {
                is_live = true;
                show(&counts);
                let snapshot = Snapshot { offset: Some(offset.to_string()), counts };
                std::fs::write(file, serde_json::to_vec(&snapshot)?)?;
                counts = snapshot.counts;
            }
            Ok(FollowEvent::Reset(reset)) => {
                let Some(earliest) = reset.earliest else { return Err(FollowError::Reset(reset).into()) };
                counts = Counts::default();
                is_live = false;
                follow.resume_at(earliest);
            }
            Ok(FollowEvent::Skipped(skip)) => follow.resume_at(skip.from), // They can still be read from there.
            Ok(FollowEvent::Status(_)) => {}
            Ok(FollowEvent::Closed { .. }) => return Ok(counts),
            Err(error) => return Err(error.into()),
        }
    }
}
