//! How much memory the server uses, of how much it may: measured by a thread of its own, a few times a second, for all workers.
//!
//! Owns the budget and the step that follows from it. Does not know what is done on a step.

pub(crate) mod machine;

use crate::ladder::{Amounts, Ladder, Share, Step};
use crate::metrics::ServerMetrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tidings_sys::heap;

/// What is known of the memory; everybody may look.
#[derive(Debug)]
pub(crate) struct Memory {
    budget_bytes: usize,
    step: AtomicU8,
    /// See [`Ladder::enough`], in thousandths.
    enough: AtomicU64,
    resident_bytes: AtomicUsize,
    /// The most that was in use since it was measured, where somebody has found that it needs a higher step.
    found_bytes: AtomicUsize,
    /// How often the step has changed.
    changes: AtomicU64,
    ended: AtomicBool,
}

/// How often it is measured.
const EVERY: Duration = Duration::from_millis(100);

impl Memory {
    pub(crate) fn new(budget_bytes: usize) -> Arc<Memory> {
        Arc::new(Memory {
            budget_bytes,
            step: AtomicU8::new(Step::Calm as u8),
            enough: AtomicU64::new(Step::Ending.until().0),
            resident_bytes: AtomicUsize::new(0),
            found_bytes: AtomicUsize::new(0),
            changes: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        })
    }

    /// The step that the server stands on, or has to go up to by what is in use at this moment: in the time between two looks at it a thousand
    /// peers may have asked for a large page each. Hot: two loads and a division.
    pub(crate) fn step(&self) -> Step {
        let taken = Step::of_number(self.step.load(Ordering::Relaxed));
        let used_bytes = heap::allocated_bytes().unwrap_or(0);
        let needed = Step::needed(Share::of(used_bytes, self.budget_bytes));
        if taken < needed {
            // It is taken: the ladder hears of it with the next look, also if that finds less.
            self.found_bytes.fetch_max(used_bytes, Ordering::Relaxed);
            self.step.fetch_max(needed as u8, Ordering::Relaxed);
        }
        taken.max(needed)
    }

    /// Whether all of the budget is in use.
    pub(crate) fn is_used_up(&self) -> bool {
        heap::allocated_bytes().is_some_and(|used_bytes| self.budget_bytes <= used_bytes)
    }

    /// Whether nobody has to be ended any more, by what is in use now: asked by those who end followers, between two of them.
    pub(crate) fn is_enough(&self) -> bool {
        Share::of(used_bytes(), self.budget_bytes) < Share(self.enough.load(Ordering::Relaxed))
    }

    /// Whether there is room, and those are ended who keep others out by what they hold: with little of it nobody does.
    pub(crate) fn ends_only_large(&self) -> bool {
        Share(self.enough.load(Ordering::Relaxed)) != Step::Ending.until()
    }

    /// For the page of metrics.
    pub(crate) fn report(&self, metrics: &ServerMetrics) {
        metrics.ladder.set(u64::from(self.step.load(Ordering::Relaxed)));
        metrics.ladder_changes.set(self.changes.load(Ordering::Relaxed));
        metrics.memory_used.set(used_bytes() as u64);
        metrics.memory_held.set(self.resident_bytes.load(Ordering::Relaxed) as u64);
        metrics.memory_budget.set(self.budget_bytes as u64);
    }

    /// Starts the thread that measures.
    pub(crate) fn watch(self: &Arc<Memory>, now: fn() -> Instant) -> std::io::Result<Watch> {
        heap::map_large_pieces();
        let memory = Arc::clone(self);
        let thread = thread::Builder::new().name("memory".to_owned()).spawn(move || memory.measure(now))?;
        Ok(Watch { memory: Arc::clone(self), thread: Some(thread) })
    }

    fn measure(&self, now: fn() -> Instant) {
        let began = now();
        let mut ladder = Ladder::new(self.budget_bytes);
        let mut giving_back = GivingBack::default();
        while !self.ended.load(Ordering::Relaxed) {
            let now_ms =
                u64::try_from(now().saturating_duration_since(began).as_millis()).unwrap_or(u64::MAX);
            let mut amounts = amounts();
            if giving_back.is_due(amounts, self.budget_bytes, now_ms) {
                heap::give_back();
                amounts.resident_bytes = resident_bytes();
            }
            self.resident_bytes.store(amounts.resident_bytes, Ordering::Relaxed);
            amounts.used_bytes = amounts.used_bytes.max(self.found_bytes.swap(0, Ordering::Relaxed));
            let before = ladder.step();
            let changed = ladder.on_amounts(amounts, now_ms);
            self.enough.store(ladder.enough().0, Ordering::Relaxed);
            if let Some(step) = changed {
                self.step.store(step as u8, Ordering::Relaxed);
                self.changes.fetch_add(1, Ordering::Relaxed);
                tell(before, step, amounts, self.budget_bytes);
            }
            thread::park_timeout(EVERY);
        }
    }
}

/// One line a change.
fn tell(before: Step, step: Step, amounts: Amounts, budget_bytes: usize) {
    let level = if before < step { log::Level::Warn } else { log::Level::Info };
    log::log!(
        level,
        "memory: {} ({} MiB in use and {} MiB held, of {} MiB): {}",
        step.as_str(),
        amounts.used_bytes >> 20,
        amounts.resident_bytes >> 20,
        budget_bytes >> 20,
        step.meaning(),
    );
}

/// When the allocator is asked to give back what it holds and nobody uses.
#[derive(Debug, Default)]
struct GivingBack {
    not_before_ms: u64,
}

impl GivingBack {
    /// It takes a moment, and others may wait meanwhile.
    const PAUSE_MS: u64 = 500;

    /// Where little of the budget is left and a good part of what is held is not in use.
    fn is_due(&mut self, amounts: Amounts, budget_bytes: usize, now_ms: u64) -> bool {
        let is_much = Share(850) <= Share::of(amounts.resident_bytes, budget_bytes);
        let is_due =
            is_much && amounts.used_bytes < amounts.resident_bytes / 8 * 7 && self.not_before_ms <= now_ms;
        if is_due {
            self.not_before_ms = now_ms + GivingBack::PAUSE_MS;
        }
        is_due
    }
}

fn amounts() -> Amounts {
    Amounts { used_bytes: used_bytes(), resident_bytes: resident_bytes() }
}

/// Where the binary does not count, what the process holds has to do.
fn used_bytes() -> usize {
    heap::allocated_bytes().unwrap_or_else(resident_bytes)
}

/// What the process holds that is in no file, as the system sees it; 0 where it does not say.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    resident_pages(&statm).unwrap_or(0).saturating_mul(rustix::param::page_size())
}

/// `size resident shared …`, in pages; what is shared is the program and mapped files.
fn resident_pages(statm: &str) -> Option<usize> {
    let mut numbers = statm.split_ascii_whitespace().skip(1).map(str::parse::<usize>);
    let resident = numbers.next()?.ok()?;
    let shared = numbers.next()?.ok()?;
    Some(resident.saturating_sub(shared))
}

/// The thread that measures; it ends with this.
#[derive(Debug)]
pub(crate) struct Watch {
    memory: Arc<Memory>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.memory.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _it_panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_resident_and_in_no_file_counts() {
        assert_eq!(resident_pages("48313 5821 1650 1411 0 13470 0\n"), Some(4_171));
        assert_eq!(resident_pages(""), None);
        assert!(!cfg!(target_os = "linux") || 1 << 16 < resident_bytes());
    }

    #[test]
    fn what_nobody_uses_is_given_back_now_and_then() {
        let mut giving_back = GivingBack::default();
        let holds = |used_bytes, resident_bytes| Amounts { used_bytes, resident_bytes };
        assert!(!giving_back.is_due(holds(100, 800), 1_000, 0), "there is room");
        assert!(!giving_back.is_due(holds(800, 900), 1_000, 0), "most of it is in use");
        assert!(giving_back.is_due(holds(100, 900), 1_000, 0));
        assert!(!giving_back.is_due(holds(100, 900), 1_000, GivingBack::PAUSE_MS - 1));
        assert!(giving_back.is_due(holds(100, 900), 1_000, GivingBack::PAUSE_MS));
    }
}
