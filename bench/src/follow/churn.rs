//! Connections that come and go: a million of them, and the memory of the server afterwards.

use super::Campaign;
use super::running::{ANSWER_MAX, Running, read_until};
use super::section::{Section, Table};
use super::socket::{connect_from, reset};
use super::target::Target;
use super::target::tidings::{Tidings, Transport};
use super::usage::Memory;
use crate::aims::{Aim, Figure, Unit};
use crate::campaign::grouped;
use crate::clock;
use anyhow::Context;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// Open at once.
const BATCH: u64 = 500;
const ROUNDS: u64 = 20;
const TRANSPORTS: [Transport; 3] = [Transport::WebSocket, Transport::Sse, Transport::KeepAlive];
/// Of what it was after the first round.
const GROWTH: Aim = Aim::AtMost(0.05);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Opens and closes in rounds.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
pub(super) fn run(campaign: &Campaign) -> anyhow::Result<Section> {
    let binary = campaign.ours.first().context("no binary of tidings")?;
    let targets = TRANSPORTS.map(|transport| binary.over(transport));
    let running = Running::start(&campaign.data, |folder, port| binary.serve(folder, port))?;
    let mut request = Vec::new();
    targets[0].prepare(&mut request);
    running.ask(&request).context("preparing")?;
    let sockets = running.usage.sockets()?;
    let each_round = (campaign.churn / ROUNDS).div_ceil(BATCH) * BATCH;
    let mut memories = vec![running.usage.memory()?];
    let began = clock::now();
    for round in 1..=ROUNDS {
        campaign.tell(&format!("connections that come and go: round {round} of {ROUNDS}"));
        for batch in 0..each_round / BATCH {
            come_and_go(&targets, &running, batch)?;
        }
        wait_for_sockets(&running, sockets)?;
        memories.push(running.usage.memory()?);
    }
    let seconds = clock::now().duration_since(began).as_secs_f64();
    let (first, last) = (memories[1], memories[memories.len() - 1]);
    let growth = |of: fn(&Memory) -> u64| of(&last) as f64 / of(&first) as f64 - 1.0;
    let mut table = Table::new(&["connections so far", "resident, KB", "anonymous, KB"]);
    for (round, memory) in (0_u64..).zip(&memories).filter(|(round, _)| *round <= 1 || round % 5 == 0) {
        let kilobytes = |bytes: u64| grouped(bytes >> 10);
        table.row(&[
            grouped(round * each_round),
            kilobytes(memory.resident_bytes),
            kilobytes(memory.user_bytes),
        ]);
    }
    let text = format!(
        "{}\n{BATCH} open at a time, by turns over WebSocket, SSE and a poll; each gets an answer, then half end with a FIN and half with a reset; {:.0} a second.\n",
        table.into_text(),
        (each_round * ROUNDS) as f64 / seconds
    );
    let count = grouped(each_round * ROUNDS);
    let figures = vec![
        Figure::new(
            format!("{count} connections opened and closed: resident memory grew by"),
            growth(|it| it.resident_bytes).max(0.0),
            Unit::Percent,
        )
        .aim(GROWTH),
    ];
    Ok(Section { text, figures, panels: Vec::new() })
}

fn come_and_go(targets: &[Tidings], running: &Running, batch: u64) -> anyhow::Result<()> {
    let host = u8::try_from(2 + batch % 250).expect("at most 251");
    let mut open: Vec<(TcpStream, &Tidings)> = Vec::new();
    for target in (0..BATCH).zip(targets.iter().cycle()).map(|(_, target)| target) {
        let mut socket = connect_from(host, running.address())?;
        socket.set_read_timeout(Some(ANSWER_MAX)).context("setting up a connection")?;
        let mut request = Vec::new();
        target.follow(&mut request);
        socket.write_all(&request).context("asking")?;
        open.push((socket, target));
    }
    for (socket, target) in &mut open {
        for step in target.steps() {
            read_until(socket, step.sign)?;
        }
    }
    for (at, (socket, _)) in open.into_iter().enumerate() {
        if at % 2 == 0 {
            reset(socket)?;
        }
    }
    Ok(())
}

/// Waits until the server has noticed that all are gone.
fn wait_for_sockets(running: &Running, count: usize) -> anyhow::Result<()> {
    let until = clock::now() + ANSWER_MAX;
    while count < running.usage.sockets()? {
        anyhow::ensure!(clock::now() < until, "{} sockets are left", running.usage.sockets()?);
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}
