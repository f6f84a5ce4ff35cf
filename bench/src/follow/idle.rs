//! What a connection costs that waits: memory of the server for each of many, and its processors.

use super::Campaign;
use super::crowd::Crowd;
use super::section::{Section, Table, panel};
use super::target::Target;
use super::target::tidings::Transport;
use crate::aims::{Aim, Figure, Unit};
use crate::calm;
use std::time::Duration;

/// 0.2 KB.
const BYTES: Aim = Aim::AtMost(205.0);
/// Of one core.
const CORE: Aim = Aim::LessThan(0.005);

/// The interval of heartbeats by default.
const HEARTBEAT: Duration = Duration::from_secs(25);
const SHORT_HEARTBEAT: [&str; 2] = ["--heartbeat", "5s"];
/// Longer than the short one, and than anybody needs to come to rest.
const REST: Duration = Duration::from_secs(7);

/// What was found of one server.
struct Idle {
    title: String,
    bytes_each: f64,
    /// How much of a core it used while nothing happened, where that was asked.
    core: Option<f64>,
}

/// Holds many connections, and measures.
pub(super) fn run(campaign: &Campaign) -> anyhow::Result<Section> {
    let mut found = Vec::new();
    let mut figures = Vec::new();
    let Some(binary) = campaign.ours.first() else { anyhow::bail!("no binary of tidings") };
    // At the usual interval: over the second one everybody is pinged once.
    let sockets = binary.over(Transport::WebSocket);
    let watched = Some(HEARTBEAT);
    found.extend(
        campaign.attempt(&sockets.title(), || hold(campaign, &sockets, HEARTBEAT + REST, watched, true)),
    );
    for transport in [Transport::Sse, Transport::LongPoll, Transport::KeepAlive] {
        let target = binary.with(&SHORT_HEARTBEAT).over(transport);
        let is_live = transport != Transport::KeepAlive;
        found.extend(campaign.attempt(&target.title(), || hold(campaign, &target, REST, None, is_live)));
    }
    for idle in &found {
        let what = format!("{}, idle: user memory each", idle.title);
        figures.push(Figure::new(what, idle.bytes_each, Unit::Bytes).aim(BYTES));
        if let Some(core) = idle.core {
            let what = format!("{}, {} idle: of one core", idle.title, campaign.idle);
            figures.push(Figure::new(what, core, Unit::Percent).aim(CORE));
        }
    }
    if found.len() < 4 {
        figures.push(
            Figure::new("idle: transports that could not be measured", f64::NAN, Unit::Count)
                .aim(Aim::AtMost(0.0)),
        );
    }
    for peer in campaign.peers() {
        found.extend(campaign.attempt(&peer.title(), || hold(campaign, peer.as_ref(), REST, None, false)));
    }
    let mut table = Table::new(&["held, idle", "user memory each, KB", "of one core"]);
    for idle in &found {
        let core = idle.core.map_or(String::new(), |core| format!("{:.2} %", core * 100.0));
        table.row(&[idle.title.clone(), format!("{:.2}", idle.bytes_each / 1024.0), core]);
    }
    let text = format!(
        "{}\n{} connections each. User memory: what anonymous and shared memory of the server grew by, from before the first connection until all \
         had been idle for {} s (tidings over WebSocket: {} s, with a heartbeat for everybody; over SSE heartbeats came every 5 s). After that every follower of tidings got a message.\n",
        table.into_text(),
        campaign.idle,
        REST.as_secs(),
        (HEARTBEAT + REST).as_secs()
    );
    let bars = found.iter().map(|idle| (idle.title.clone(), idle.bytes_each / 1024.0));
    let panels = vec![panel("KB of user memory for an idle connection", bars, 2)];
    Ok(Section { text, figures, panels })
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts are far below 2^53")]
fn hold(
    campaign: &Campaign,
    target: &dyn Target,
    rest: Duration,
    watched: Option<Duration>,
    is_live: bool,
) -> anyhow::Result<Idle> {
    campaign.tell(&format!("idle: {}", target.title()));
    let mut crowd = Crowd::start(target, &campaign.data)?;
    let before = crowd.running.usage.memory()?;
    crowd.join(campaign.idle)?;
    crowd.rest(rest)?;
    let after = crowd.running.usage.memory()?;
    let mut core = None;
    if let Some(time) = watched {
        calm::wait(campaign.calm)?;
        let cpu = crowd.running.usage.cpu()?;
        crowd.rest(time)?;
        core = Some(crowd.running.usage.cpu()?.saturating_sub(cpu).as_secs_f64() / time.as_secs_f64());
    }
    if is_live {
        crowd.meet()?;
    }
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / campaign.idle as f64;
    Ok(Idle { title: target.title(), bytes_each: each(after.user_bytes, before.user_bytes), core })
}
