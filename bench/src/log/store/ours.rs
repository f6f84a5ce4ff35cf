//! tidings' log, through its public API, as the engine uses it.

use super::{Append, Committer};
use crate::clock;
use crate::log::background::Background;
use crate::random::Random;
use anyhow::Context;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_log::{DirectoryStorage, Identity, Log, LogSettings, Operation, Publish, Worked};
use tidings_model::{ContentType, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

pub(crate) const SETTINGS: &str = "as it comes (segments of 64 MiB); the streams are created beforehand; segments are filled, sealed, merged and used again on two threads beside it";

/// The log with its streams.
pub(crate) struct Ours {
    log: Log,
    names: Vec<StreamName>,
    _background: Background,
}

impl Ours {
    const FILLER_LOOKS_EVERY: Duration = Duration::from_millis(20);
    const UPKEEP_LOOKS_EVERY: Duration = Duration::from_millis(20);
    /// As the engine does: few enough that what was fetched is still in the cache.
    const LOOK_AHEAD: usize = 64;
    const CREATED_AT_ONCE: usize = 4_096;

    pub(crate) fn open(folder: &Path, streams: u32) -> anyhow::Result<Ours> {
        let storage = DirectoryStorage::open(folder).context("opening the folder")?;
        let settings = LogSettings { streams_max: streams as usize, ..LogSettings::default() };
        let mut random = Random::new(0);
        let mut log = Log::open(Arc::new(storage), settings, Box::new(move || random.bits()))?;
        let mut background = Background::default();
        let filler = log.filler();
        background.run_every(Ours::FILLER_LOOKS_EVERY, "fill", move || {
            // Refused: the commit that needs the segment finds out too, and ends the cell.
            let _refused = filler.fill();
        })?;
        let mut upkeep = log.take_upkeep().context("the upkeep of a log that was just opened")?;
        background.run_every(Ours::UPKEEP_LOOKS_EVERY, "upkeep", move || {
            while matches!(upkeep.work(&mut |_| ()), Ok(Worked::Something)) {}
        })?;
        let names = (0..streams).map(|stream| StreamName::parse(&format!("bench/{stream:07}")));
        let names = names.collect::<Result<_, _>>()?;
        let mut ours = Ours { log, names, _background: background };
        ours.create_streams()?;
        Ok(ours)
    }

    fn create_streams(&mut self) -> anyhow::Result<()> {
        let now = clock::wall();
        for names in self.names.chunks(Ours::CREATED_AT_ONCE) {
            for name in names {
                let (name, config, first) = (name.clone(), config(), Vec::new());
                self.log.stage(Operation::Create { name, config, first, close: false }, now)?;
            }
            self.log.commit()?;
        }
        Ok(())
    }

    fn stage(&mut self, append: &Append<'_>, now: Timestamp) -> anyhow::Result<()> {
        let publish = Publish {
            name: self.names[append.stream as usize].clone(),
            incarnation: None,
            create: None,
            content_type: None,
            messages: vec![append.message.clone()],
            seq: None,
            identity: Identity::None,
            close: false,
        };
        self.log.stage(Operation::Publish(publish), now)?;
        Ok(())
    }
}

impl Committer for Ours {
    fn commit(&mut self, batch: &[Append<'_>]) -> anyhow::Result<()> {
        let now = clock::wall();
        for appends in batch.chunks(Ours::LOOK_AHEAD) {
            self.log.look_ahead(appends.iter().map(|append| &self.names[append.stream as usize]));
            for append in appends {
                self.stage(append, now)?;
            }
        }
        let changes = self.log.commit()?;
        anyhow::ensure!(changes.len() == batch.len(), "not every append became visible");
        Ok(())
    }
}

fn config() -> StreamConfig {
    StreamConfig {
        content_type: ContentType::json(),
        lifetime: Lifetime::Forever,
        retention: Retention::default(),
        durability: None,
    }
}
