//! Follows any number of streams over one connection, and goes on where it stood when it is started again.
//!
//! `cargo run --example follow -- http://127.0.0.1:4437 places.json orders/42 chat/lobby`
//!
//! The place in each stream is an offset, which is kept in a file. It is all that has to be kept: the server knows nothing
//! of a reader.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use tidings_client::{Client, FollowEvent, FollowOptions, Offset, Start, StreamName};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, reason = "a test runs what it calls")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: follow URL FILE STREAM...";
    let (url, file) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let streams = arguments.collect::<Vec<_>>();
    run(&Client::new(&url)?, Path::new(&file), &streams, &mut std::io::stdout()).await
}

/// Prints each message with its stream, until all streams are closed.
pub(crate) async fn run(
    client: &Client,
    file: &Path,
    streams: &[String],
    out: &mut impl Write,
) -> Result<(), Error> {
    let mut places: BTreeMap<String, String> = match std::fs::read(file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => BTreeMap::new(),
    };
    // One task for each stream, and one connection for all.
    let (sender, mut events) = mpsc::channel(16);
    let mut tasks = JoinSet::new();
    for stream in streams {
        let start = match places.get(stream) {
            Some(offset) => Start::After(Offset::parse(offset)?),
            None => Start::Beginning,
        };
        let name = StreamName::parse(stream)?;
        let options = FollowOptions { wait_for_stream: true, ..FollowOptions::from(start) };
        let mut follow = client.follow(&name, options);
        let sender = sender.clone();
        tasks.spawn(async move {
            while let Ok(event) = follow.next().await {
                if let FollowEvent::Reset(reset) = &event
                    && let Some(earliest) = reset.earliest
                {
                    follow.resume_at(earliest); // What lay before is gone; what is kept comes next.
                }
                if sender.send((name.clone(), event)).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);

    while let Some((stream, event)) = events.recv().await {
        match event {
            FollowEvent::Messages(messages) => {
                for message in &messages {
                    writeln!(out, "{stream}: {}", message.data.as_json().unwrap_or("(bytes)"))?;
                }
                // What was printed is not printed again.
                if let Some(last) = messages.last() {
                    places.insert(stream.to_string(), last.offset.to_string());
                    std::fs::write(file, serde_json::to_vec(&places)?)?;
                }
            }
            FollowEvent::Reset(reset) => writeln!(out, "{stream}: messages are missing: {}", reset.reason)?,
            FollowEvent::Skipped(skip) => writeln!(out, "{stream}: {} were skipped", skip.messages())?,
            FollowEvent::Closed { .. } => writeln!(out, "{stream}: closed")?,
            FollowEvent::Live { .. } | FollowEvent::Status(_) => {}
        }
    }
    Ok(())
}
