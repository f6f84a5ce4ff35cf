//! One log on a simulated disk, with all that is known to be in it.

use crate::dice::Dice;
use crate::model::{Model, ModelStream, apply, looks_like, observe, summary};
use crate::phase::Phase;
use crate::probe::remembers;
use crate::workload::{Workload, config};
use std::sync::Arc;
use tidings_log::{
    Log, LogSettings, OpenError, PlantedBug, Refusal, Restore, RestoreError, SimulatedStorage, Upkeep,
    UpkeepError,
};
use tidings_model::Timestamp;

/// All that happens happens at once.
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) struct Run {
    pub(crate) disk: SimulatedStorage,
    settings: LogSettings,
    workload: Workload,
    pub(crate) log: Option<Log>,
    pub(crate) upkeep: Option<Upkeep>,
    /// What was acknowledged.
    pub(crate) acknowledged: Model,
    /// What it becomes with the first, the second … operation that is under way.
    under_way: Vec<Model>,
    /// What was done, and the number of the last call in it.
    pub(crate) phases: Vec<(Phase, u64)>,
    /// Operations and commits so far.
    pub(crate) steps: u64,
}

/// Why a run can't go on: the disk failed, as it was told to.
pub(crate) struct Stopped;

impl Run {
    pub(crate) fn new(seed: u64, uniform: bool, planted: Option<PlantedBug>) -> Run {
        let settings = LogSettings {
            segment_bytes: LogSettings::SEGMENT_BYTES_MIN,
            frame_bytes: 300,
            merge_blocks: 2,
            snapshot_segments: 1,
            planted,
            ..LogSettings::default()
        };
        Run {
            disk: SimulatedStorage::new(),
            settings,
            workload: Workload { dice: Dice(seed), uniform, published_count: 0 },
            log: None,
            upkeep: None,
            acknowledged: Model::new(),
            under_way: Vec::new(),
            phases: Vec::new(),
            steps: 0,
        }
    }

    /// The same log on a disk of its own, not opened.
    pub(crate) fn fork(&self) -> Run {
        Run {
            disk: self.disk.fork(),
            settings: self.settings.clone(),
            workload: self.workload.clone(),
            log: None,
            upkeep: None,
            acknowledged: self.acknowledged.clone(),
            under_way: self.under_way.clone(),
            phases: Vec::new(),
            steps: 0,
        }
    }

    fn note(&mut self, phase: Phase) {
        self.phases.push((phase, self.disk.calls_count()));
    }

    pub(crate) fn open(&mut self) -> Result<(), OpenError> {
        (self.log, self.upkeep) = (None, None);
        let mut dice = Dice(self.workload.dice.next());
        let storage = Arc::new(self.disk.clone());
        let mut log = Log::open(storage, self.settings.clone(), Box::new(move || dice.next()))?;
        self.upkeep = log.take_upkeep();
        self.log = Some(log);
        self.note(Phase::Open);
        Ok(())
    }

    /// Some commits, each of a few operations. `Ok(Err(Stopped))` when the disk fails; `Err` when the log is wrong.
    pub(crate) fn work(&mut self, commits_count: u64) -> Result<Result<(), Stopped>, String> {
        for _ in 0..commits_count {
            if let Err(stopped) = self.commit_some()? {
                return Ok(Err(stopped));
            }
            self.extras()?;
        }
        Ok(Ok(()))
    }

    /// One commit of a few operations.
    fn commit_some(&mut self) -> Result<Result<(), Stopped>, String> {
        let Some(log) = &mut self.log else {
            return Ok(Err(Stopped));
        };
        for _ in 0..=self.workload.dice.roll(6) {
            let mut model = self.under_way.last().unwrap_or(&self.acknowledged).clone();
            let operation = self.workload.operation(&model);
            self.steps += 1;
            if let Ok(outcome) = log.stage(operation.clone(), NOW) {
                apply(&mut model, &operation, &outcome)?;
                self.under_way.push(model);
            }
        }
        self.restore_one()?;
        let Some(log) = &mut self.log else {
            return Ok(Err(Stopped));
        };
        self.steps += 1;
        let before = log.committed_segment();
        if log.commit().is_err() {
            return self.check_nothing_new_is_seen().map(Err);
        }
        let rolled = before != log.committed_segment();
        self.note(if rolled { Phase::Roll } else { Phase::Commit });
        if let Some(model) = self.under_way.pop() {
            self.acknowledged = model;
            self.under_way.clear();
        }
        Ok(Ok(()))
    }

    /// One piece of upkeep, with commits in between as they come beside its thread.
    fn work_up(&mut self) -> Result<(), String> {
        let Some(mut upkeep) = self.upkeep.take() else {
            return Ok(());
        };
        let before = upkeep.stats();
        let mut commits_left = self.workload.dice.roll(4);
        let mut fault = None;
        let worked = upkeep.work(&mut |_| {
            if 0 < commits_left {
                commits_left -= 1;
                match self.commit_some() {
                    Ok(Ok(())) => {}
                    Ok(Err(Stopped)) => commits_left = 0,
                    Err(wrong) => fault = Some(wrong),
                }
            }
        });
        let phase = Phase::of_upkeep(before, upkeep.stats());
        self.note(phase);
        self.upkeep = Some(upkeep);
        // Other failures show in the next commit; what is in the way of a full disk, later.
        match (fault, worked) {
            (Some(fault), _) | (None, Err(UpkeepError::Damaged(fault))) => Err(fault),
            (None, _) => Ok(()),
        }
    }

    /// Now and then a stream comes from another log.
    fn restore_one(&mut self) -> Result<(), String> {
        let mut model = self.under_way.last().unwrap_or(&self.acknowledged).clone();
        let (Some(log), Some((name, stream))) = (&mut self.log, self.workload.restored(&model)) else {
            return Ok(());
        };
        let restore = Restore {
            name,
            incarnation: stream.incarnation,
            config: config(),
            created: NOW,
            first_index: stream.earliest_index,
            remembered: stream.remembered(),
        };
        let text = restore.name.to_string();
        match log.restore(restore.clone()) {
            Ok(()) => {}
            // Its beginning may be staged.
            Err(RestoreError::Refused(Refusal::StorageFull)) if log.contains(&text) => {
                let bare = ModelStream::restored(stream.incarnation, stream.earliest_index);
                model.insert(text, bare);
                self.under_way.push(model);
                return Ok(());
            }
            Err(RestoreError::Refused(_)) => return Ok(()),
            Err(error) => return Err(format!("{restore:?}: {error}")),
        }
        // A crash may leave it without what it remembers.
        model.insert(text.clone(), ModelStream::restored(stream.incarnation, stream.earliest_index));
        self.under_way.push(model.clone());
        model.insert(text, stream);
        self.under_way.push(model);
        Ok(())
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
            6..16 => self.work_up()?,
            _ => {}
        }
        Ok(())
    }

    /// Seals, merges and drops all that there is to do. Nobody may be able to tell.
    pub(crate) fn tidy(&mut self) -> Result<(), String> {
        if let Some(upkeep) = &mut self.upkeep {
            upkeep.work_off().map_err(|error| format!("tidying: {error}"))?;
        }
        self.check_all_is_seen()
    }

    pub(crate) fn settle(&mut self) {
        if let Some(log) = &mut self.log {
            let _settled = log.settle();
        }
    }

    pub(crate) fn check_all_is_seen(&self) -> Result<(), String> {
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
        let seen = log
            .catalog()
            .list("", None, usize::MAX)
            .into_iter()
            .map(|view| (view.incarnation, view.tail_index, view.closed));
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
        let found = possible.find(|model| looks_like(model, &seen) && remembers_as_many(log, model));
        let Some(model) = found.cloned() else {
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
            Err(error) if error.starts_with("reading: ") && error.contains(" is damaged at byte ") => {
                return Ok(());
            }
            Err(error) => return Err(error),
            Ok(_) => self.check_all_is_seen()?,
        }
        // What is damaged and was not read yet is found when it is tidied up, or it is harmless.
        match self.upkeep.as_mut().map(Upkeep::work_off) {
            Some(Err(UpkeepError::Damaged(_))) => Ok(()),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(())) | None => self.check_all_is_seen(),
        }
    }
}

/// Whether a log has as many producers and keys as a model: what a restored stream remembers may come after the stream.
fn remembers_as_many(log: &Log, model: &Model) -> bool {
    model.values().all(|stream| {
        let remembered = log.remembered(stream.incarnation).unwrap_or_default();
        (remembered.producers.len(), remembered.keys.len()) == (stream.producers.len(), stream.keys.len())
    })
}
