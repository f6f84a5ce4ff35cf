//! One log on a simulated disk, with all that is known to be in it.

use crate::dice::Dice;
use crate::model::{Model, apply, looks_like, observe, summary};
use crate::probe::remembers;
use crate::workload::Workload;
use std::sync::Arc;
use tidings_log::{Log, LogSettings, OpenError, PlantedBug, SimulatedStorage};
use tidings_model::Timestamp;

/// All that happens happens at once.
const NOW: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) struct Run {
    pub(crate) disk: SimulatedStorage,
    settings: LogSettings,
    workload: Workload,
    log: Option<Log>,
    /// What was acknowledged.
    pub(crate) acknowledged: Model,
    /// What it becomes with the first, the second … operation that is under way.
    under_way: Vec<Model>,
}

/// Why a run can't go on: the disk failed, as it was told to.
pub(crate) struct Stopped;

impl Run {
    pub(crate) fn new(seed: u64, uniform: bool, planted: Option<PlantedBug>) -> Run {
        let settings = LogSettings {
            segment_bytes: LogSettings::SEGMENT_BYTES_MIN,
            frame_bytes: 300,
            planted,
            ..LogSettings::default()
        };
        Run {
            disk: SimulatedStorage::new(),
            settings,
            workload: Workload { dice: Dice(seed), uniform, published_count: 0 },
            log: None,
            acknowledged: Model::new(),
            under_way: Vec::new(),
        }
    }

    pub(crate) fn open(&mut self) -> Result<(), OpenError> {
        self.log = None;
        let mut dice = Dice(self.workload.dice.next());
        let storage = Arc::new(self.disk.clone());
        self.log = Some(Log::open(storage, self.settings.clone(), Box::new(move || dice.next()))?);
        Ok(())
    }

    /// Some commits, each of a few operations. `Ok(Err(Stopped))` when the disk fails; `Err` when the log is wrong.
    pub(crate) fn work(&mut self, commits_count: u64) -> Result<Result<(), Stopped>, String> {
        for _ in 0..commits_count {
            let Some(log) = &mut self.log else {
                return Ok(Err(Stopped));
            };
            for _ in 0..=self.workload.dice.roll(6) {
                let mut model = self.under_way.last().unwrap_or(&self.acknowledged).clone();
                let operation = self.workload.operation(&model);
                if let Ok(outcome) = log.stage(operation.clone(), NOW) {
                    apply(&mut model, &operation, &outcome)?;
                    self.under_way.push(model);
                }
            }
            if log.commit().is_err() {
                return self.check_nothing_new_is_seen().map(Err);
            }
            if let Some(model) = self.under_way.pop() {
                self.acknowledged = model;
                self.under_way.clear();
            }
            self.extras()?;
        }
        Ok(Ok(()))
    }

    /// What a server does now and then between commits.
    fn extras(&mut self) -> Result<(), String> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        match self.workload.dice.roll(20) {
            0 => {
                // Failures show in the next commit.
                let _settled = log.settle();
            }
            1..4 => {
                let _filled = log.filler().fill();
            }
            4 => {
                self.disk = self.disk.kill();
                let struck = self.disk.has_struck();
                if self.open().is_err() && struck {
                    return Err("a restart failed without reason".into());
                }
            }
            5 if self.disk.has_struck() => self.check_all_is_seen()?,
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn settle(&mut self) {
        if let Some(log) = &mut self.log {
            let _settled = log.settle();
        }
    }

    fn check_all_is_seen(&self) -> Result<(), String> {
        let Some(log) = &self.log else {
            return Ok(());
        };
        let seen = observe(log)?;
        if looks_like(&seen, &self.acknowledged) {
            return Ok(());
        }
        Err(format!("sees {}, acknowledged is {}", summary(&seen), summary(&self.acknowledged)))
    }

    /// A commit failed: what it would have stored must not be seen.
    fn check_nothing_new_is_seen(&self) -> Result<Stopped, String> {
        let Some(log) = &self.log else {
            return Ok(Stopped);
        };
        let seen = log.streams().map(|view| (view.incarnation, view.tail_index, view.closed));
        for (incarnation, tail_index, closed) in seen {
            let known = self.acknowledged.values().find(|stream| stream.incarnation == incarnation);
            if known.is_none_or(|stream| stream.tail_index() != tail_index || stream.closed != closed) {
                return Err(format!("{incarnation} is seen up to {tail_index}, but not stored"));
            }
        }
        Ok(Stopped)
    }

    /// Opens the log after a crash. It must hold what was acknowledged, and perhaps the first few operations that were
    /// under way; those it then holds for good.
    pub(crate) fn recover(&mut self) -> Result<(), String> {
        self.open().map_err(|error| format!("refused to open: {error}"))?;
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        let seen = observe(log)?;
        let mut possible = std::iter::once(&self.acknowledged).chain(&self.under_way);
        let Some(model) = possible.find(|model| looks_like(model, &seen)).cloned() else {
            let acknowledged = summary(&self.acknowledged);
            let under_way = self.under_way.last().map(summary).unwrap_or_default();
            return Err(format!(
                "holds {}; acknowledged {acknowledged}; under way {under_way}",
                summary(&seen)
            ));
        };
        remembers(log, &model, NOW)?;
        self.acknowledged = model;
        self.under_way.clear();
        Ok(())
    }

    /// Opens the log after damage. It must refuse, or fail to read what is damaged, or hold what was acknowledged.
    pub(crate) fn recover_from_damage(&mut self) -> Result<(), String> {
        match self.open() {
            Err(OpenError::Damaged { .. } | OpenError::NewerFormat { .. }) => return Ok(()),
            Err(error) => return Err(format!("took damage for something else: {error}")),
            Ok(()) => {}
        }
        let Some(log) = &self.log else {
            return Ok(());
        };
        match observe(log) {
            Err(error) if error.starts_with("reading: segment") => Ok(()),
            Err(error) => Err(error),
            Ok(_) => self.check_all_is_seen(),
        }
    }
}
