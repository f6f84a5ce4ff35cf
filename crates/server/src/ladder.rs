//! The ladder of degradation: which step the server stands on, by how much of its memory is in use.
//!
//! Pure: takes amounts and `now`, gives the step. Does not know where the amounts come from, nor what is done on a step.
//! See docs/decisions/017.

/// What the server does about memory that becomes scarce. Each step includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Step {
    /// Nothing: there is enough.
    #[default]
    Calm,
    /// Pollers are advised to come less often.
    Slower,
    /// Long polls are answered at once: they become polls.
    AtOnce,
    /// New followers are refused. Polls and publishes go on.
    Refusing,
    /// Those furthest behind are ended.
    Ending,
}

impl Step {
    pub(crate) const ALL: [Step; 5] = [Step::Calm, Step::Slower, Step::AtOnce, Step::Refusing, Step::Ending];

    /// Its word, in the log and elsewhere.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Step::Calm => "calm",
            Step::Slower => "slower",
            Step::AtOnce => "at-once",
            Step::Refusing => "refusing",
            Step::Ending => "ending",
        }
    }

    /// What is done on it, for people.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Step::Calm => "nothing is held back",
            Step::Slower => "pollers are advised to come less often",
            Step::AtOnce => "long polls are answered at once",
            Step::Refusing => "new followers are refused",
            Step::Ending => "the followers furthest behind are ended",
        }
    }

    /// By how much the advice to pollers is stretched.
    pub(crate) const fn stretch(self) -> u64 {
        match self {
            Step::Calm => 1,
            Step::Slower => 3,
            Step::AtOnce => 5,
            Step::Refusing => 10,
            Step::Ending => 20,
        }
    }

    /// The step that such an amount needs.
    pub(crate) fn needed(share: Share) -> Step {
        Step::ALL.into_iter().rev().find(|step| step.from() <= share).unwrap_or_default()
    }

    /// The share of the budget from which on it is taken.
    pub(crate) const fn from(self) -> Share {
        match self {
            Step::Calm => Share(0),
            Step::Slower => Share(600),
            Step::AtOnce => Share(750),
            Step::Refusing => Share(850),
            Step::Ending => Share(950),
        }
    }

    /// The share below which it is undone.
    pub(crate) const fn until(self) -> Share {
        match self {
            Step::Calm => Share(0),
            Step::Slower => Share(500),
            Step::AtOnce => Share(650),
            Step::Refusing => Share(750),
            Step::Ending => Share(850),
        }
    }

    fn below(self) -> Step {
        Step::ALL[(self as usize).saturating_sub(1)]
    }

    /// The step of that number, as [`Step`] is counted.
    pub(crate) fn of_number(number: u8) -> Step {
        Step::ALL[usize::from(number).min(Step::ALL.len() - 1)]
    }
}

/// A share of the budget, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share(pub(crate) u64);

impl Share {
    pub(crate) fn of(bytes: usize, budget_bytes: usize) -> Share {
        let thousandths = (bytes as u64).saturating_mul(1_000) / (budget_bytes.max(1) as u64);
        Share(thousandths)
    }
}

/// What was found of the memory of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amounts {
    /// In use: asked for and not given back. This decides.
    pub(crate) used_bytes: usize,
    /// In the hands of the process, in use or not, as the system sees it. A backstop: an allocator that can't give back what it holds
    /// would keep a server on its last step for ever.
    pub(crate) resident_bytes: usize,
}

/// The step a server stands on.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    budget_bytes: usize,
    step: Step,
    /// When the step was last needed, or taken.
    needed_ms: u64,
    /// When it was taken.
    taken_ms: u64,
    /// Whether the last step was taken because the one before has lasted too long.
    is_outlasted: bool,
}

impl Ladder {
    /// A step is undone only after it was not needed for that long: what it has driven away comes back at about that time.
    pub(crate) const STAYS_MS: u64 = 1_000;

    /// New followers are refused for that long at a time. Then those that hold memory are ended, as on the last step: who takes little of much,
    /// and so keeps the server just below that step, would keep everybody else out for as long as they like.
    pub(crate) const REFUSES_MS: u64 = 10_000;

    pub(crate) fn new(budget_bytes: usize) -> Ladder {
        Ladder { budget_bytes, step: Step::Calm, needed_ms: 0, taken_ms: 0, is_outlasted: false }
    }

    pub(crate) fn step(&self) -> Step {
        self.step
    }

    /// The share below which nobody has to be ended any more.
    pub(crate) fn enough(&self) -> Share {
        if self.is_outlasted { Step::Refusing.until() } else { Step::Ending.until() }
    }

    /// Goes up as far as it must, at once; goes down one step at a time. Gives the new step where it is another one.
    pub(crate) fn on_amounts(&mut self, amounts: Amounts, now_ms: u64) -> Option<Step> {
        let share = self.share(amounts);
        let by_share = Step::needed(share);
        let outlasts = by_share < Step::Ending && self.refuses_too_long(amounts, now_ms);
        let needed = if outlasts { Step::Ending } else { by_share };
        if self.step < needed {
            self.is_outlasted = outlasts;
            return Some(self.take(needed, now_ms));
        }
        // What is needed by itself is no matter of patience any more.
        self.is_outlasted &= by_share < Step::Ending;
        // Where nobody's end helps, those who go on are left in peace again for a while.
        let until = if self.is_outlasted { Step::Ending.from() } else { self.step.until() };
        if self.step == Step::Calm || until <= share {
            self.needed_ms = now_ms;
            return None;
        }
        if now_ms.saturating_sub(self.needed_ms) < Ladder::STAYS_MS {
            return None;
        }
        self.is_outlasted = false;
        Some(self.take(self.step.below(), now_ms))
    }

    fn take(&mut self, step: Step, now_ms: u64) -> Step {
        (self.step, self.needed_ms, self.taken_ms) = (step, now_ms, now_ms);
        step
    }

    /// Whether what is in use, and not only what is held, keeps new followers out for too long.
    fn refuses_too_long(&self, amounts: Amounts, now_ms: u64) -> bool {
        self.step == Step::Refusing
            && Step::Refusing.until() <= Share::of(amounts.used_bytes, self.budget_bytes)
            && Ladder::REFUSES_MS <= now_ms.saturating_sub(self.taken_ms)
    }

    /// How much of the budget counts as used up.
    fn share(&self, amounts: Amounts) -> Share {
        let used = Share::of(amounts.used_bytes, self.budget_bytes);
        // All of the budget in the hands of the process: nobody new. It ends nobody, for that may give nothing back.
        let resident = Share::of(amounts.resident_bytes, self.budget_bytes);
        let backstop = match resident {
            Share(all) if 1_000 <= all => Step::Refusing.from(),
            Share(most) if 950 <= most && self.step == Step::Refusing => Step::Refusing.until(),
            Share(_) => Share(0),
        };
        used.max(backstop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: usize = 1_000;

    fn used(used_bytes: usize) -> Amounts {
        Amounts { used_bytes, resident_bytes: 0 }
    }

    /// The steps that a ladder takes when it is shown this, tick by tick.
    fn steps(ladder: &mut Ladder, amounts: impl IntoIterator<Item = Amounts>, now_ms: &mut u64) -> Vec<Step> {
        let mut steps = Vec::new();
        for amounts in amounts {
            *now_ms += 100;
            steps.extend(ladder.on_amounts(amounts, *now_ms));
        }
        steps
    }

    #[test]
    fn it_goes_up_step_by_step_and_comes_down_in_the_reverse_order() {
        let (mut ladder, mut now_ms) = (Ladder::new(BUDGET), 0);
        let up = steps(&mut ladder, (0..=1_000).map(used), &mut now_ms);
        assert_eq!(up, &Step::ALL[1..]);
        let down = steps(&mut ladder, (0..=1_000).rev().map(used), &mut now_ms);
        assert_eq!(down, [Step::Refusing, Step::AtOnce, Step::Slower, Step::Calm]);
    }

    #[test]
    fn it_goes_up_at_once_and_comes_down_in_its_time() {
        let mut ladder = Ladder::new(BUDGET);
        assert_eq!(ladder.on_amounts(used(2_000), 100), Some(Step::Ending));
        for step in [Step::Refusing, Step::AtOnce, Step::Slower, Step::Calm] {
            let before_ms = ladder.needed_ms;
            assert_eq!(ladder.on_amounts(used(0), before_ms + Ladder::STAYS_MS - 1), None);
            assert_eq!(ladder.on_amounts(used(0), before_ms + Ladder::STAYS_MS), Some(step));
        }
        assert_eq!(ladder.on_amounts(used(0), 1_000_000), None);
    }

    #[test]
    fn what_goes_up_and_down_around_a_step_does_not_make_it_flap() {
        for (share, ticks) in [(600, 1_000), (750, 1_000), (850, Ladder::REFUSES_MS / 100), (950, 1_000)] {
            let (mut ladder, mut now_ms) = (Ladder::new(BUDGET), 0);
            let amounts = (0..ticks).map(|tick| used(if tick % 2 == 0 { share } else { share - 90 }));
            assert_eq!(steps(&mut ladder, amounts, &mut now_ms).len(), 1, "{share}");
        }
    }

    #[test]
    fn nobody_keeps_others_out_for_as_long_as_they_like() {
        let (mut ladder, mut now_ms) = (Ladder::new(BUDGET), 0);
        assert_eq!(steps(&mut ladder, (0..100).map(|_| used(870)), &mut now_ms), [Step::Refusing]);
        assert_eq!(ladder.enough(), Step::Ending.until());
        assert_eq!(ladder.on_amounts(used(760), now_ms + 100), Some(Step::Ending));
        assert_eq!(ladder.enough(), Step::Refusing.until());
        // It helps, or does not: the step is undone, and comes again after as long.
        now_ms += 100;
        for share in [760, 940] {
            assert_eq!(
                steps(&mut ladder, (0..220).map(|_| used(share)), &mut now_ms),
                [Step::Refusing, Step::Ending, Step::Refusing, Step::Ending],
                "{share}"
            );
        }
        // What is needed by itself meanwhile is not undone, and everybody who holds anything is in question.
        assert_eq!(steps(&mut ladder, (0..100).map(|_| used(800)), &mut now_ms), [Step::Refusing]);
        assert_eq!(steps(&mut ladder, (0..11).map(|_| used(800)), &mut now_ms), [Step::Ending]);
        assert_eq!(steps(&mut ladder, (0..100).map(|_| used(960)), &mut now_ms), []);
        assert_eq!(ladder.enough(), Step::Ending.until());
        // Driven there by what is in use, it ends no more than it must.
        let (mut ladder, mut now_ms) = (Ladder::new(BUDGET), 0);
        assert_eq!(steps(&mut ladder, [used(960)], &mut now_ms), [Step::Ending]);
        assert_eq!(ladder.enough(), Step::Ending.until());
    }

    #[test]
    fn a_process_that_holds_all_of_its_budget_takes_nobody_new_and_ends_nobody() {
        let (mut ladder, mut now_ms) = (Ladder::new(BUDGET), 0);
        let holds = |resident_bytes| Amounts { used_bytes: 100, resident_bytes };
        assert_eq!(steps(&mut ladder, (0..100).map(|_| holds(3_000)), &mut now_ms), [Step::Refusing]);
        assert_eq!(steps(&mut ladder, (0..100).map(|_| holds(960)), &mut now_ms), []);
        let down = [Step::AtOnce, Step::Slower, Step::Calm];
        assert_eq!(steps(&mut ladder, (0..100).map(|_| holds(940)), &mut now_ms), down);
    }

    /// Whatever comes: never below what is needed, down by one step at most, and not before its time.
    #[test]
    fn its_rules_hold_whatever_comes() {
        let mut random = 7_u64;
        let mut draw = move |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % below
        };
        for _ in 0..200 {
            let (mut ladder, mut now_ms, mut changed_ms) = (Ladder::new(BUDGET), 0_u64, 0_u64);
            let mut amount = draw(1_200);
            for _ in 0..500 {
                now_ms += draw(1_000) as u64;
                if draw(4) == 0 {
                    amount = draw(1_200);
                }
                let (before, was_outlasted) = (ladder.step(), ladder.is_outlasted);
                let changed = ladder.on_amounts(used(amount), now_ms);
                let step = ladder.step();
                assert_eq!(changed, (step != before).then_some(step));
                let least = Step::ALL.into_iter().rev().find(|step| step.from() <= Share(amount as u64));
                assert!(least.unwrap() <= step, "{amount} on {step:?}");
                if step < before {
                    assert_eq!(before.below(), step);
                    let until = if was_outlasted { Step::Ending.from() } else { before.until() };
                    assert!(Share(amount as u64) < until);
                    assert!(changed_ms + Ladder::STAYS_MS <= now_ms);
                }
                if step != before {
                    changed_ms = now_ms;
                }
            }
            // Left in peace it comes down, and stays there.
            let down: Vec<_> = (1..=8)
                .filter_map(|turn| ladder.on_amounts(used(0), now_ms + turn * Ladder::STAYS_MS))
                .collect();
            assert!(down.is_sorted_by(|one, next| one > next) && ladder.step() == Step::Calm);
        }
    }
}
