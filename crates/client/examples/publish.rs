//! Publishes each line of standard input, in order, each once, whatever happens to the connection.
//!
//! `vmstat 1 | cargo run --example publish -- http://127.0.0.1:4437 host/vmstat`

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use tidings_client::{Client, ContentType, PublisherOptions, StreamName};
use tokio::sync::mpsc;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How many lines are on their way at a time; the outbox of a publisher holds 1,000.
const UNANSWERED_MAX: usize = 100;

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, reason = "a test runs what it calls")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: publish URL STREAM";
    let (url, stream) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let stored = run(&Client::new(&url)?, &stream, BufReader::new(std::io::stdin())).await?;
    eprintln!("{stored} lines are stored");
    Ok(())
}

/// Publishes until the input ends; how many lines are stored then.
pub(crate) async fn run(
    client: &Client,
    stream: &str,
    input: impl BufRead + Send + 'static,
) -> Result<usize, Error> {
    let options = PublisherOptions { create: true, ..PublisherOptions::new(ContentType::text()) };
    let publisher = client.publisher(&StreamName::parse(stream)?, options);
    // Input is read on a thread of its own: it may block, and what was read is sent meanwhile.
    let (sender, mut lines_read) = mpsc::channel(UNANSWERED_MAX);
    std::thread::spawn(move || input.lines().map(|line| sender.blocking_send(line)).all(|sent| sent.is_ok()));

    let mut unanswered = VecDeque::new();
    let mut stored = 0;
    while let Some(line) = lines_read.recv().await {
        let line = line?;
        if line.is_empty() {
            continue; // A message can't be empty.
        }
        // It is sent from here on, whether or not anybody waits for it; one after the other, in this order.
        unanswered.push_back(publisher.publish(vec![line.into()]));
        if unanswered.len() == UNANSWERED_MAX
            && let Some(first) = unanswered.pop_front()
        {
            first.await?;
            stored += 1;
        }
    }
    for publishing in unanswered {
        publishing.await?;
        stored += 1;
    }
    Ok(stored)
}
