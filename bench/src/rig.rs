//! tidings' log with what an engine does around it: a thread that fills segments, and one that tidies in the pauses of
//! the disk.

use crate::clock;
use crate::log::background::Background;
use crate::random::Random;
use anyhow::Context;
use bytes::Bytes;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tidings_log::{
    Backlog, DirectoryStorage, Identity, Log, LogSettings, LogStats, Operation, Outcome, Publish, Upkeep,
    Worked,
};
use tidings_model::{ContentType, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

/// What is chosen for it.
pub(crate) const SETTINGS: &str = "the log as it comes (segments of 64 MiB); segments are filled, sealed, merged and used again on two threads beside it, with the pauses of the engine";

/// A log, its streams `bench/0000000` and so on, and its threads.
pub(crate) struct Rig {
    pub(crate) log: Log,
    pub(crate) names: Vec<StreamName>,
    upkeep: Arc<Mutex<Upkeep>>,
    /// Whether the thread may go on with the upkeep.
    tidies: Arc<AtomicBool>,
    _background: Background,
}

/// As the engine does: few enough that what was fetched is still in the cache.
pub(crate) const LOOK_AHEAD: usize = 64;

impl Rig {
    const FILLER_LOOKS_EVERY: Duration = Duration::from_millis(5);
    const UPKEEP_LOOKS_EVERY: Duration = Duration::from_millis(20);
    const CREATED_AT_ONCE: usize = 4_096;
    const SEALING_BYTES: usize = 1 << 20;

    /// Opens it over an empty folder, with all streams made.
    pub(crate) fn open(folder: &Path, streams: u32, retention: Retention) -> anyhow::Result<Rig> {
        let storage = DirectoryStorage::open(folder).context("opening the folder")?;
        // One more, which ends a segment.
        let settings = LogSettings { streams_max: streams as usize + 1, ..LogSettings::default() };
        let mut random = Random::new(0);
        let mut log = Log::open(Arc::new(storage), settings, Box::new(move || random.bits()))?;
        let mut background = Background::default();
        let filler = log.filler();
        background.run_every(Rig::FILLER_LOOKS_EVERY, "fill", move || {
            // Refused: the commit that needs the segment finds out too, and ends the run.
            let _refused = filler.fill();
        })?;
        let upkeep = log.take_upkeep().context("the upkeep of a log that was just opened")?;
        let backlog = upkeep.backlog();
        let upkeep = Arc::new(Mutex::new(upkeep));
        let tidies = Arc::new(AtomicBool::new(true));
        let (shared, may) = (Arc::clone(&upkeep), Arc::clone(&tidies));
        background.run_every(Rig::UPKEEP_LOOKS_EVERY, "upkeep", move || {
            // What goes wrong goes wrong again in `finish`, which says so.
            while may.load(Ordering::Acquire)
                && matches!(locked(&shared).work(&mut pace(&backlog, &may)), Ok(Worked::Something))
            {
            }
        })?;
        let names = (0..streams).map(|stream| StreamName::parse(&format!("bench/{stream:07}")));
        let names = names.collect::<Result<_, _>>()?;
        let mut rig = Rig { log, names, upkeep, tidies, _background: background };
        rig.create_streams(retention)?;
        Ok(rig)
    }

    /// Stages one publish to a stream.
    pub(crate) fn publish(
        &mut self,
        stream: u32,
        messages: Vec<Bytes>,
        now: Timestamp,
    ) -> anyhow::Result<Outcome> {
        self.publish_to(self.names[stream as usize].clone(), messages, now)
    }

    /// Lets the thread tidy, or not. A piece of work that is under way stops where it would make a pause.
    pub(crate) fn tidy(&self, on: bool) {
        self.tidies.store(on, Ordering::Release);
    }

    /// Seals all that was committed, which takes messages to another stream: a segment that is written to is not sealed.
    pub(crate) fn seal_all(&mut self) -> anyhow::Result<()> {
        let last = self.log.committed_segment();
        let name = StreamName::parse("bench/sealing")?;
        self.create(name.clone(), Retention::default(), clock::wall())?;
        let message = Bytes::from(vec![b'.'; Rig::SEALING_BYTES]);
        while self.log.committed_segment() == last {
            self.publish_to(name.clone(), vec![message.clone()], clock::wall())?;
            self.log.commit()?;
        }
        self.finish()
    }

    /// Returns when the upkeep has nothing left to do.
    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        self.tidy(true);
        self.log.settle()?;
        let mut without = 0;
        // Once more: a snapshot that was found to be due is begun by the commit.
        while without < 2 {
            self.log.commit()?;
            let worked = locked(&self.upkeep).work(&mut |_| ())?;
            without = if worked == Worked::Nothing && !self.log.has_begun_copy() { without + 1 } else { 0 };
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> LogStats {
        locked(&self.upkeep).stats()
    }

    fn publish_to(
        &mut self,
        name: StreamName,
        messages: Vec<Bytes>,
        now: Timestamp,
    ) -> anyhow::Result<Outcome> {
        let publish = Publish {
            name,
            incarnation: None,
            create: None,
            content_type: None,
            messages,
            seq: None,
            identity: Identity::None,
            close: false,
        };
        Ok(self.log.stage(Operation::Publish(publish), now)?)
    }

    fn create_streams(&mut self, retention: Retention) -> anyhow::Result<()> {
        let now = clock::wall();
        let names = self.names.clone();
        for names in names.chunks(Rig::CREATED_AT_ONCE) {
            for name in names {
                self.create(name.clone(), retention, now)?;
            }
            self.log.commit()?;
        }
        Ok(())
    }

    fn create(&mut self, name: StreamName, retention: Retention, now: Timestamp) -> anyhow::Result<()> {
        let config = StreamConfig {
            content_type: ContentType::json(),
            lifetime: Lifetime::Forever,
            retention,
            durability: None,
        };
        self.log.stage(Operation::Create { name, config, first: Vec::new(), close: false }, now)?;
        Ok(())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // The thread ends only when it may go on.
        self.tidy(true);
    }
}

/// As the engine does: after each chunk a pause as long as the chunk took, but none when much waits. Goes on for as long
/// as it may.
fn pace(backlog: &Backlog, may: &AtomicBool) -> impl FnMut(usize) {
    const BACKLOG_SEGMENTS: usize = 3;
    const PAUSE_MAX: Duration = Duration::from_secs(1);
    const LOOK_EVERY: Duration = Duration::from_millis(5);
    let mut began = clock::now();
    move |_bytes| {
        if backlog.segments_count() <= BACKLOG_SEGMENTS {
            thread::sleep(clock::now().duration_since(began).min(PAUSE_MAX));
        }
        while !may.load(Ordering::Acquire) {
            thread::sleep(LOOK_EVERY);
        }
        began = clock::now();
    }
}

/// A thread that panicked ends the run where its work is missed.
fn locked(upkeep: &Mutex<Upkeep>) -> MutexGuard<'_, Upkeep> {
    upkeep.lock().unwrap_or_else(PoisonError::into_inner)
}
