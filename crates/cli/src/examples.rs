//! What the example programs need of the server beside their pages: streams with a retention, and live figures of this machine.
//!
//! A client like any other: it speaks to the server over the address that it listens on.

mod machine;

use anyhow::Context as _;
use machine::Machine;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;
use tidings_client::{Client, CreateError, CreateOptions, Publish};
use tidings_model::{ContentType, Durability, Lifetime, Retention, StreamConfig, StreamName};
use tokio::runtime::Runtime;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How often the figures are published.
const EVERY: Duration = Duration::from_secs(1);

/// How long the server may take to make the streams.
const CREATE_MAX: Duration = Duration::from_secs(5);

/// The stream of the figures.
const MACHINE: &str = "examples/machine";

/// A stream of the examples: its name, whether it outlives the server, and how many messages it keeps.
type Stream = (&'static str, Durability, u64);

/// The rooms of the chat, each with a stream that says who is there, and what the page with the charts plays with.
const STREAMS: &[Stream] = &[
    (MACHINE, Durability::Memory, 3_600),
    ("examples/load", Durability::Memory, 2_000),
    ("examples/rooms/lobby", Durability::Disk, 1_000),
    ("examples/rooms/coffee", Durability::Disk, 1_000),
    ("examples/rooms/help", Durability::Disk, 1_000),
    ("examples/rooms/music", Durability::Disk, 1_000),
    ("examples/presence/lobby", Durability::Memory, 500),
    ("examples/presence/coffee", Durability::Memory, 500),
    ("examples/presence/help", Durability::Memory, 500),
    ("examples/presence/music", Durability::Memory, 500),
];

/// Makes the streams, and publishes the figures on a thread of its own for as long as the process lives.
pub(crate) fn start(server: SocketAddr) -> anyhow::Result<()> {
    let client = Client::new(&format!("http://{server}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let created = runtime.block_on(async { timeout(CREATE_MAX, create_streams(&client)).await });
    created.with_context(|| format!("the server did not answer within {CREATE_MAX:?}"))??;
    let machine = Machine::new()?;
    let publish = move || publish_figures(&runtime, &client, machine);
    thread::Builder::new().name("examples".to_owned()).spawn(publish)?;
    Ok(())
}

async fn create_streams(client: &Client) -> anyhow::Result<()> {
    for (name, durability, count) in STREAMS {
        let config = StreamConfig {
            content_type: ContentType::json(),
            lifetime: Lifetime::Forever,
            retention: Retention { count: Some(*count), ..Retention::default() },
            durability: Some(*durability),
        };
        match client.create(&stream_name(name), CreateOptions { config, closed: false }).await {
            // Somebody made it otherwise; it will do.
            Ok(_) | Err(CreateError::Conflict) => {}
            Err(error) => return Err(error).with_context(|| (*name).to_owned()),
        }
    }
    Ok(())
}

fn publish_figures(runtime: &Runtime, client: &Client, mut machine: Machine) {
    let name = stream_name(MACHINE);
    runtime.block_on(async {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = ticks.tick().await;
        loop {
            ticks.tick().await;
            let now = Instant::now();
            let figures = machine.figures(now - before).to_string();
            before = now;
            let publish = Publish::one(ContentType::json(), figures);
            // Figures that can't be stored now are old a second later. Whoever deleted the stream gets another one.
            if client.publish(&name, &publish).await.is_err() {
                let _tried_again_with_the_next = create_streams(client).await;
            }
        }
    });
}

fn stream_name(text: &str) -> StreamName {
    StreamName::parse(text).expect("a test reads every name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_has_a_name() {
        assert!(STREAMS.iter().all(|(name, ..)| stream_name(name).as_str() == *name));
    }
}
