//! Audits: everything comes to rest, and then everything is looked at.

use super::{End, Violation, World};
use crate::follower::{Doing, State};
use std::collections::HashMap;
use tidings_engine::{Fetch, PageLimit, Reader, Reply, Step};
use tidings_model::{Batch, Start};

const ALL: PageLimit = PageLimit { bytes: usize::MAX, messages: u64::MAX };

impl World {
    /// Goes on until nothing is left to do. Then nobody may wait for anything that is there.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        const ROUNDS_MAX: usize = 100_000;
        self.disk.clear_fault();
        if self.is_powerless() {
            return self.restart(End::Power);
        }
        for _ in 0..ROUNDS_MAX {
            self.node.stepper.step(self.now);
            self.node.stepper.fill();
            let mut busy = self.dice.percent(50) && self.tidy()?;
            while self.node.stepper.fetch() {
                self.summary.fetched += 1;
                busy = true;
            }
            for worker in 0..self.node.workers.len() {
                busy |= self.news_of(worker)?;
            }
            for index in 0..self.followers.len() {
                if let State::Here(here) = &self.followers[index].state
                    && here.doing == Doing::Ready
                {
                    busy = true;
                    self.look(index)?;
                }
            }
            if !busy {
                return if self.node.has_failed() { Ok(()) } else { self.at_rest() };
            }
        }
        Err(Violation("it never comes to rest".to_owned()))
    }

    fn at_rest(&mut self) -> Result<(), Violation> {
        if let Some(asked) = self.asked.values().next() {
            return Err(Violation(format!("somebody who asked about {} is not answered", asked.name)));
        }
        for follower in &self.followers {
            if let State::Here(here) = &follower.state
                && !matches!(
                    here.reader.clone().step(PageLimit { bytes: 1, messages: 1 }),
                    Step::AtTail { closed: false }
                )
            {
                let at = here.reader.offset();
                return Err(Violation(format!("a reader waits at {at} for what is there")));
            }
        }
        self.audit()
    }

    /// Reads everything, and compares it with all that was ever seen.
    pub(super) fn audit(&mut self) -> Result<(), Violation> {
        let listed = self.node.engine.list("", None, usize::MAX, self.now);
        let found: HashMap<_, _> =
            listed.iter().map(|stream| (stream.name.clone(), stream.incarnation)).collect();
        self.truth.on_all(&found)?;
        for listed in listed {
            let Some(stream) = self.node.engine.find(&listed.name, self.now) else {
                if listed.is_expired {
                    continue;
                }
                return Err(Violation(format!("{listed:?} is in the list, and not to be found")));
            };
            self.truth.on_stream(&stream)?;
            let summary = stream.summary(self.now);
            let bytes = summary.bytes;
            if listed.is_expired
                || listed.incarnation != stream.incarnation()
                || (summary.earliest, summary.tail, summary.closed)
                    != (listed.summary.earliest, listed.summary.tail, listed.summary.closed)
            {
                return Err(Violation(format!("{listed:?} is in the list, but {summary:?} is found")));
            }
            let mut reader = Reader::open(stream, Start::Beginning, self.node.engine.boot())
                .map_err(|reset| Violation(format!("the beginning is told {reset:?}")))?;
            self.read_all(&mut reader)?;
            // Where a limit of count cuts what no ledger knows, they are told in proportion.
            let is_exact = reader.stream().retention().count.is_none();
            let known = self.truth.bytes(reader.stream().incarnation()).filter(|_| is_exact);
            if known.is_some_and(|known| known != bytes) {
                return Err(Violation(format!("{:?} has other bytes than {bytes}", reader.stream())));
            }
        }
        Ok(())
    }

    fn read_all(&mut self, reader: &mut Reader) -> Result<(), Violation> {
        loop {
            let page = match reader.step(ALL) {
                Step::Page(page) => page,
                Step::AtTail { .. } => return Ok(()),
                Step::Stored => match reader.fetched(self.fetch_now(reader), ALL) {
                    Step::Page(page) => page,
                    other @ (Step::AtTail { .. } | Step::Stored | Step::Reset(_)) => {
                        return Err(Violation(format!("{} fetches {other:?}", reader.offset())));
                    }
                },
                Step::Reset(reset) => return Err(Violation(format!("the beginning is told {reset:?}"))),
            };
            let name = reader.stream().name().clone();
            for (end, message) in page.parts.iter().flat_map(tidings_engine::Part::messages) {
                self.truth.on_message(&name, reader.stream().offset(end - 1), message, None)?;
            }
            reader.advance_to(page.end);
        }
    }

    /// Asks as any worker does, and waits.
    fn fetch_now(&mut self, reader: &Reader) -> Vec<Batch> {
        while self.node.stepper.fetch() {}
        let auditor = &self.node.auditor.inbox;
        let asked = self.node.engine.fetch(Fetch::new(reader, ALL, auditor, 0));
        assert!(asked.is_ok(), "no other read waits");
        while self.node.stepper.fetch() {}
        let replies = auditor.take().replies.into_iter();
        let batches = replies.filter_map(|(_, reply)| match reply {
            Reply::Fetched(fetched) => fetched.ok(),
            Reply::Operation(_) => None,
        });
        batches.flatten().collect()
    }
}
