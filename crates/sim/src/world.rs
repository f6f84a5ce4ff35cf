//! The world of one seed: what happens next is rolled, what is seen is compared with the truth.

mod answers;
mod audit;
mod following;
mod publishing;

use crate::asked::Asked;
use crate::clock::SimulatedClock;
use crate::dice::Dice;
use crate::follower::{Follower, State};
use crate::node::Node;
use crate::producer::{Keyed, ProducerState};
use crate::truth::Truth;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use tidings_engine::Token;
use tidings_log::{Fault, LogSettings, SimulatedStorage, Storage};
use tidings_model::{StreamName, Timestamp};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The limits of the log, perhaps with a mistake planted in it.
    pub log: LogSettings,
    /// How many things happen.
    pub steps: u64,
    /// How readers go from stored to live.
    pub habit: Habit,
}

/// How readers go from stored to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// They watch, then look for what is there.
    WatchFirst,
    /// They watch when they have seen that nothing is there: the mistake that loses a message in between.
    WatchLast,
}

/// A promise was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub(crate) String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// What happened in a run that kept all promises: proof that something was tried at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Summary {
    /// Operations that were acknowledged.
    pub acknowledged: u64,
    /// Publishes that were known from before.
    pub duplicates: u64,
    /// Messages that readers saw.
    pub seen: u64,
    /// Reads from the log.
    pub fetched: u64,
    /// Resets that readers were told.
    pub resets: u64,
    /// Times that readers were skipped because they stayed behind.
    pub skips: u64,
    /// Pieces of work that kept the logs tidy.
    pub tidied: u64,
    /// Lives of the process after the first.
    pub restarts: u64,
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Summary) {
        self.acknowledged += other.acknowledged;
        self.duplicates += other.duplicates;
        self.seen += other.seen;
        self.fetched += other.fetched;
        self.resets += other.resets;
        self.skips += other.skips;
        self.tidied += other.tidied;
        self.restarts += other.restarts;
    }
}

/// Everything there is.
struct World {
    habit: Habit,
    log: LogSettings,
    dice: Dice,
    disk: SimulatedStorage,
    clock: SimulatedClock,
    now: Timestamp,
    node: Node,
    names: Vec<StreamName>,
    truth: Truth,
    asked: BTreeMap<Token, Asked>,
    next_token: Token,
    published_count: u64,
    producers: Vec<ProducerState>,
    keyed: Vec<Keyed>,
    followers: Vec<Follower>,
    summary: Summary,
    /// A fault was planned in this life of the process: reads may fail too.
    is_disk_sound: bool,
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The power fails.
    Power,
    /// It is killed.
    Kill,
    /// It is asked to.
    Stop,
}

impl Simulation {
    /// The steps of a run that takes some milliseconds.
    pub const STEPS: u64 = 500;

    /// Small files, so that the log goes from one to the next often.
    pub fn new() -> Simulation {
        let log = LogSettings {
            segment_bytes: LogSettings::SEGMENT_BYTES_MIN,
            frame_bytes: 600,
            merge_blocks: 2,
            snapshot_segments: 1,
            ..LogSettings::default()
        };
        Simulation { log, steps: Simulation::STEPS, habit: Habit::WatchFirst }
    }

    /// Runs one seed. The same seed does the same each time.
    pub fn run(&self, seed: u64) -> Result<Summary, Violation> {
        let mut world = World::new(self, seed)?;
        for _ in 0..self.steps {
            world.act()?;
            if world.node.has_failed() {
                world.last_words()?;
                let end = if world.dice.percent(50) { End::Kill } else { End::Power };
                world.restart(end)?;
            }
        }
        world.settle()?;
        world.restart(End::Power)?;
        world.settle()?;
        Ok(world.summary)
    }
}

impl Default for Simulation {
    fn default() -> Simulation {
        Simulation::new()
    }
}

impl World {
    fn new(simulation: &Simulation, seed: u64) -> Result<World, Violation> {
        let mut dice = Dice(seed);
        let now = Timestamp(1_700_000_000_000);
        let (disk, clock) = (SimulatedStorage::new(), SimulatedClock::new(now));
        let node = Node::start(&disk, &simulation.log, &clock, &mut dice)
            .map_err(|error| Violation(format!("an empty disk is refused: {error}")))?;
        let names = ["orders/1", "orders/2", "few/1", "memory/1"];
        let names = names.map(|name| StreamName::parse(name).expect("the name is one"));
        let producer = |index: usize| ProducerState::new(&format!("p{index}"), names[index % 4].clone());
        let follower =
            |index: usize| Follower { name: names[index % 4].clone(), offset: None, state: State::Away };
        Ok(World {
            habit: simulation.habit,
            log: simulation.log.clone(),
            dice,
            disk,
            clock,
            now,
            node,
            truth: Truth::default(),
            asked: BTreeMap::new(),
            next_token: 0,
            published_count: 0,
            producers: (0..5).map(producer).collect(),
            keyed: Vec::new(),
            followers: (0..8).map(follower).collect(),
            names: names.into(),
            summary: Summary::default(),
            is_disk_sound: true,
        })
    }

    /// One thing happens.
    fn act(&mut self) -> Result<(), Violation> {
        match self.dice.roll(100) {
            0..30 => self.publish(),
            30..34 => self.change_a_stream(),
            34..52 => self.step()?,
            52..60 => self.fetch(),
            60..70 => self.look_at_news()?,
            70..92 => self.follow()?,
            92..94 => self.pass_time(),
            94..97 => _ = self.tidy()?,
            97 => self.node.stepper.fill(),
            98 => self.plan_a_fault(),
            _ if self.dice.percent(30) => {
                let end = [End::Power, End::Kill, End::Stop][self.dice.index(3)];
                self.restart(end)?;
            }
            _ if self.dice.percent(20) => self.settle()?,
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Violation> {
        self.node.stepper.step(self.now);
        let name = &self.names[self.dice.index(self.names.len())];
        match self.node.engine.find(name, self.now) {
            // Also after a failure: what is visible is stored.
            Some(stream) => self.truth.on_stream(&stream),
            None => Ok(()),
        }
    }

    /// Whether there was anything to tidy.
    fn tidy(&mut self) -> Result<bool, Violation> {
        let any = self.node.stepper.tidy().map_err(Violation)?;
        self.summary.tidied += u64::from(any);
        Ok(any)
    }

    fn fetch(&mut self) {
        self.summary.fetched += u64::from(self.node.stepper.fetch());
    }

    /// The storage has failed. What the workers are still told before the process ends must be true.
    fn last_words(&mut self) -> Result<(), Violation> {
        self.publish();
        self.step()?;
        for worker in 0..self.node.workers.len() {
            self.news_of(worker)?;
        }
        Ok(())
    }

    /// Mostly on, rarely back.
    fn pass_time(&mut self) {
        let now = match self.dice.roll(10) {
            0 => self.now.0 - self.dice.roll(2_000),
            1 | 2 => self.now.0 + self.dice.roll(3_000),
            _ => self.now.0 + self.dice.roll(100),
        };
        self.now = Timestamp(now);
        self.clock.set(self.now);
        self.truth.on_time(self.now);
    }

    fn plan_a_fault(&mut self) {
        let fault = [Fault::Io, Fault::Full, Fault::Power][self.dice.index(3)];
        self.disk.set_fault(self.disk.calls_count() + 1 + self.dice.roll(20), fault);
        self.is_disk_sound = false;
    }

    /// The process ends, and another one finds what it has left.
    fn restart(&mut self, end: End) -> Result<(), Violation> {
        let mut end = end;
        if end == End::Stop && self.is_disk_sound {
            self.settle()?;
            self.node.stepper.settle();
        }
        self.disk.clear_fault();
        self.truth.on_down();
        self.asked.clear();
        self.producers.iter_mut().for_each(|producer| producer.in_flight = false);
        self.followers.iter_mut().for_each(|follower| follower.state = State::Away);
        loop {
            let seed = self.dice.next();
            self.disk = if end == End::Power { self.disk.crash(seed) } else { self.disk.kill() };
            let fails_again = self.dice.percent(20);
            if fails_again {
                let call = self.disk.calls_count() + 1 + self.dice.roll(30);
                self.disk.set_fault(call, Fault::Power);
            }
            match Node::start(&self.disk, &self.log, &self.clock, &mut self.dice) {
                Ok(node) if !fails_again || !self.disk.has_struck() => {
                    self.node = node;
                    break;
                }
                Err(error) if !fails_again => {
                    return Err(Violation(format!("what a crash left is refused: {error}")));
                }
                Ok(_) | Err(_) => end = End::Power,
            }
        }
        self.disk.clear_fault();
        self.is_disk_sound = true;
        self.summary.restarts += 1;
        self.audit()
    }

    /// The power has failed, and perhaps nobody has noticed.
    fn is_powerless(&self) -> bool {
        self.disk.list().is_err()
    }
}
