//! Followers that stop reading: what they cost the server, and whether others notice.

use super::Campaign;
use super::crowd::{Crowd, Pace};
use super::kernel::buffers_bytes;
use super::running::{ANSWER_MAX, Running, read_until};
use super::section::{Section, median};
use super::socket::connect_with_small_buffer;
use super::target::Target;
use super::target::tidings::Transport;
use crate::aims::{Aim, Figure, Unit};
use crate::calm;
use crate::progress::duration;
use crate::spread::Spread;
use anyhow::Context;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

const STALLED: usize = 50;
const RECEIVED_BYTES: usize = 4 << 10;
/// What is published while they do not read, some megabytes for each follower.
const FLOOD: Pace = Pace::AsDelivered { at_once: 100 };
const FLOOD_TIME: Duration = Duration::from_secs(3);
const PACE: Pace = Pace::Every(Duration::from_millis(50));
const MEMORY_BYTES: Aim = Aim::LessThan(65_536.0);

/// Two servers side by side, one of them with followers that do not read.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
pub(super) fn run(campaign: &Campaign) -> anyhow::Result<Section> {
    let binary = campaign.ours.first().context("no binary of tidings")?;
    let target = binary.over(Transport::WebSocket);
    campaign.tell("followers that stop reading");
    let mut others = Crowd::gather(&target, &campaign.data, campaign.followers)?;
    let mut reference = Crowd::gather(&target, &campaign.data, campaign.followers)?;
    // Once before, so that the buffers of those who read have their size.
    others.run(FLOOD, FLOOD_TIME)?.check()?;
    reference.run(FLOOD, FLOOD_TIME)?.check()?;
    let before = others.running.usage.memory()?;
    let stalled =
        (0..STALLED).map(|_| stall(&target, &others.running)).collect::<anyhow::Result<Vec<_>>>()?;
    let flood = others.run(FLOOD, FLOOD_TIME)?;
    flood.check()?;
    let after = others.running.usage.memory()?;
    let grown = |after: u64, before: u64| (after as f64 - before as f64) / STALLED as f64;
    let user = grown(after.user_bytes, before.user_bytes);
    let kernel = kernel_bytes_each(&others.running, &stalled)?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..=campaign.rounds {
        calm::wait(campaign.calm)?;
        for (crowd, p99s) in [(&mut reference, &mut without), (&mut others, &mut with)] {
            let slice = crowd.run(PACE, campaign.slice)?;
            slice.check()?;
            // The first round warms up.
            if 0 < round {
                p99s.push(slice.p99_us());
            }
        }
    }
    drop(stalled);
    let noise = Spread::of(without.iter().copied()).map_or(f64::NAN, |spread| spread.max - spread.min);
    let moved = median(&with) - median(&without);
    let messages = flood.tally.delivered / campaign.followers as u64;
    let text = format!(
        "{STALLED} followers over WebSocket read nothing, while {messages} messages of 128 bytes went to {} others. The server grew by {:.1} KB for each of them, and the kernel holds \
         {:.1} KB for each on its side. Then, at 20 messages a second, the p99 of the others was {}, \
         and {} (from {} to {}) at a server beside it where everybody reads.\n",
        campaign.followers,
        user / 1024.0,
        kernel / 1024.0,
        duration(median(&with)),
        duration(median(&without)),
        duration(without.iter().copied().fold(f64::NAN, f64::min)),
        duration(without.iter().copied().fold(f64::NAN, f64::max)),
    );
    let figures = vec![
        Figure::new(
            "follower that stopped reading: memory with the kernel's",
            (user + kernel).max(0.0),
            Unit::Bytes,
        )
        .aim(MEMORY_BYTES),
        Figure::new(
            "p99 of the others: moved by (at most what it moves between rounds anyway)",
            moved.max(0.0),
            Unit::Microseconds,
        )
        .aim(Aim::AtMost(noise)),
    ];
    Ok(Section { text, figures, panels: Vec::new() })
}

/// What the kernel holds on the side of the server.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn kernel_bytes_each(running: &Running, stalled: &[TcpStream]) -> anyhow::Result<f64> {
    let found = buffers_bytes(running.address().port())?;
    let mut all = 0;
    for socket in stalled {
        let port = socket.local_addr().context("asking for a port")?.port();
        all += found.get(&port).context("a follower that stopped reading was closed")?;
    }
    Ok(all as f64 / stalled.len() as f64)
}

/// Follows, and reads nothing from then on.
fn stall(target: &dyn Target, running: &Running) -> anyhow::Result<TcpStream> {
    let mut socket = connect_with_small_buffer(running.address(), RECEIVED_BYTES)?;
    socket.set_read_timeout(Some(ANSWER_MAX)).context("setting up a connection")?;
    let mut request = Vec::new();
    target.follow(&mut request);
    socket.write_all(&request).context("beginning to follow")?;
    for step in target.steps() {
        read_until(&mut socket, step.sign)?;
    }
    Ok(socket)
}
