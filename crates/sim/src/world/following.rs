//! What readers do: come with an offset, read, wait, stop after any message, leave.

use super::{Habit, Violation, World};
use crate::follower::{Doing, Here, State};
use tidings_engine::{Fetch, Page, PageLimit, Reader, Step, Token};
use tidings_model::{Batch, Skip, Start};

impl World {
    /// One reader does something.
    pub(super) fn follow(&mut self) -> Result<(), Violation> {
        let index = self.dice.index(self.followers.len());
        match &self.followers[index].state {
            State::Away => self.come(index),
            State::Here(_) if self.dice.percent(8) => {
                self.leave(index);
                Ok(())
            }
            State::Here(here) if here.doing == Doing::Ready => self.look(index),
            State::Here(_) => Ok(()),
        }
    }

    /// Begins where it was.
    pub(super) fn come(&mut self, index: usize) -> Result<(), Violation> {
        let start = match self.followers[index].offset {
            Some(offset) => Start::After(offset),
            None => [Start::Beginning, Start::Beginning, Start::Now, Start::Last(2)][self.dice.index(4)],
        };
        let worker = self.dice.index(self.node.workers.len());
        let follower = &mut self.followers[index];
        let Some(stream) = self.node.engine.find(&follower.name, self.now) else {
            let missed = follower.offset.take();
            return missed.map_or(Ok(()), |offset| self.truth.on_missing(offset.incarnation));
        };
        stream.touch(self.now);
        let mut reader = match Reader::open(stream, start, self.node.engine.boot()) {
            Ok(reader) => reader,
            Err(reset) => {
                let at = follower.offset.take();
                follower.offset = reset.earliest;
                self.summary.resets += 1;
                let Some(at) = at else {
                    return Err(Violation(format!("{start:?} is told {reset:?}")));
                };
                return self.truth.on_reset(&follower.name, at, &reset);
            }
        };
        reader.follow();
        follower.offset = Some(reader.offset());
        if self.habit == Habit::WatchFirst {
            self.node.workers[worker].watch(reader.stream());
        }
        let seen = self.truth.on_stream(reader.stream());
        follower.state = State::Here(Here { worker, reader, doing: Doing::Ready });
        seen
    }

    /// Goes, with its offset.
    fn leave(&mut self, index: usize) {
        let state = std::mem::replace(&mut self.followers[index].state, State::Away);
        if let State::Here(here) = state
            && self.habit == Habit::WatchFirst
        {
            self.node.workers[here.worker].unwatch(here.reader.stream(), self.now);
        }
    }

    /// Steps once.
    pub(super) fn look(&mut self, index: usize) -> Result<(), Violation> {
        let limit = self.page_limit();
        let State::Here(here) = &mut self.followers[index].state else { return Ok(()) };
        match here.reader.step(limit) {
            Step::Stored => {
                let token = self.next_token;
                let fetch = Fetch::new(&here.reader, limit, &self.node.workers[here.worker].inbox, token);
                // Refused when too many wait: asked again at the next look.
                if self.node.engine.fetch(fetch).is_ok() {
                    self.next_token += 1;
                    here.doing = Doing::Fetching(token);
                }
                Ok(())
            }
            step @ (Step::Page(_) | Step::AtTail { .. } | Step::Reset(_)) => self.on_step(index, step),
        }
    }

    /// What was fetched is there. Whoever asked may be gone.
    pub(super) fn on_fetched(&mut self, token: Token, batches: Vec<Batch>) -> Result<(), Violation> {
        let limit = self.page_limit();
        for index in 0..self.followers.len() {
            if let State::Here(here) = &mut self.followers[index].state
                && here.doing == Doing::Fetching(token)
            {
                here.doing = Doing::Ready;
                let step = here.reader.fetched(batches, limit);
                return self.on_step(index, step);
            }
        }
        Ok(())
    }

    fn on_step(&mut self, index: usize, step: Step) -> Result<(), Violation> {
        if let State::Here(here) = &mut self.followers[index].state
            && let Some(skip) = here.reader.skip()
        {
            here.reader.advance_to(skip.to.index);
            return self.on_skip(index, &skip);
        }
        match step {
            Step::Page(page) => self.on_page(index, &page),
            // Looks again.
            Step::Stored => Ok(()),
            Step::AtTail { closed: true } => {
                self.leave(index);
                Ok(())
            }
            Step::AtTail { closed: false } => {
                if let State::Here(here) = &mut self.followers[index].state {
                    if self.habit == Habit::WatchLast {
                        // What is committed before its next turn is lost to it.
                        self.node.stepper.step(self.now);
                        self.node.workers[here.worker].watch(here.reader.stream());
                    }
                    here.doing = Doing::Waiting;
                    // As every transport does, the tail is told: who asked for the beginning may stand further on.
                    self.followers[index].offset = Some(here.reader.offset());
                }
                Ok(())
            }
            Step::Reset(reset) => {
                self.leave(index);
                self.summary.resets += 1;
                let follower = &mut self.followers[index];
                let at = std::mem::replace(&mut follower.offset, reset.earliest);
                at.map_or(Ok(()), |at| self.truth.on_reset(&follower.name, at, &reset))
            }
        }
    }

    /// It goes on further on, where it is told that it does.
    fn on_skip(&mut self, index: usize, skip: &Skip) -> Result<(), Violation> {
        let follower = &mut self.followers[index];
        let stood_at = follower.offset.replace(skip.to);
        self.summary.skips += 1;
        if stood_at != Some(skip.from) || skip.to.index <= skip.from.index {
            return Err(Violation(format!("a reader at {stood_at:?} is told {skip:?}")));
        }
        Ok(())
    }

    /// Takes a page up to any of its messages.
    fn on_page(&mut self, index: usize, page: &Page) -> Result<(), Violation> {
        let stop = page.start + 1 + self.dice.roll(page.end - page.start);
        let follower = &mut self.followers[index];
        let State::Here(here) = &mut follower.state else { return Ok(()) };
        if page.start != here.reader.next() {
            return Err(Violation(format!("{} is given a page from {}", here.reader.offset(), page.start)));
        }
        let messages = page.parts.iter().flat_map(|part| part.messages().map(|it| (it, part.time())));
        for ((end, message), time) in messages.take_while(|((end, _), _)| *end <= stop) {
            let at = here.reader.offset();
            if end != at.index + 1 {
                return Err(Violation(format!("after {at} comes the message before {end}")));
            }
            self.truth.on_message(&follower.name, at, message, Some(time))?;
            here.reader.advance_to(end);
            self.summary.seen += 1;
        }
        follower.offset = Some(here.reader.offset());
        if page.closed && page.end == here.reader.next() {
            self.truth.on_closed(here.reader.offset(), &follower.name)?;
        }
        Ok(())
    }

    fn page_limit(&mut self) -> PageLimit {
        let small = PageLimit { bytes: 60, messages: 1 + self.dice.roll(5) };
        if self.dice.percent(50) { small } else { PageLimit { bytes: 4_096, messages: 1_000 } }
    }
}
