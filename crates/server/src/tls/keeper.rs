//! The thread that looks after certificates: reads files again that have changed, and orders what is due.
//!
//! Files and authorities may be slow, and no worker waits for them.

use super::Tls;
use super::acme::Acme;
use crate::worker::Common;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Starts the thread, if there is anything to look after. It ends when the server drains.
pub(crate) fn start(common: &Arc<Common>) -> io::Result<Option<JoinHandle<io::Result<()>>>> {
    let Some(tls) = common.tls.clone() else { return Ok(None) };
    let common = Arc::clone(common);
    thread::Builder::new().name("certificates".to_owned()).spawn(move || keep(&common, &tls)).map(Some)
}

fn keep(common: &Common, tls: &Tls) -> io::Result<()> {
    let mut ordering = match tls.acme(&common.settings.get()) {
        Some(acme) => Some((acme, tokio::runtime::Builder::new_current_thread().enable_all().build()?)),
        None => None,
    };
    while !common.draining.load(Ordering::Relaxed) {
        if let Some((acme, runtime)) = &mut ordering
            && has_ordered(common, acme, runtime)
        {
            tls.reload(&common.settings.get());
        }
        thread::park_timeout(Tls::LOOK_EVERY);
        tls.look(&common.settings.get());
    }
    Ok(())
}

/// Orders what is due, unless the server ends meanwhile.
fn has_ordered(common: &Common, acme: &mut Acme, runtime: &Runtime) -> bool {
    /// How often it is looked whether the server ends.
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    let now_s = common.engine.now().0 / 1_000;
    let until_draining = async {
        while !common.draining.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            // An order that is given up begins anew at the next start.
            ordered = acme.look(now_s) => ordered,
            () = until_draining => false,
        }
    })
}
