//! Answers that hold for a while. Bounded: of those that were not asked for lately, half are dropped at once.

use super::Verdict;
use super::question::Question;
use std::collections::HashMap;

/// Verdicts by their questions.
pub(super) struct Remembered {
    count_max: usize,
    young: HashMap<Question, Held>,
    old: HashMap<Question, Held>,
}

#[derive(Clone, Copy)]
struct Held {
    verdict: Verdict,
    until_ms: u64,
}

impl Remembered {
    pub(super) fn new(count_max: usize) -> Remembered {
        Remembered { count_max, young: HashMap::new(), old: HashMap::new() }
    }

    /// Hot: a poll looks here once.
    pub(super) fn find(&mut self, question: &Question, now_ms: u64) -> Option<Verdict> {
        if let Some(held) = self.young.get(question) {
            return (now_ms < held.until_ms).then_some(held.verdict);
        }
        let held = self.old.remove(question).filter(|held| now_ms < held.until_ms)?;
        self.insert(question.clone(), held.verdict, held.until_ms);
        Some(held.verdict)
    }

    pub(super) fn insert(&mut self, question: Question, verdict: Verdict, until_ms: u64) {
        if self.count_max / 2 <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(question, Held { verdict, until_ms });
    }
}

#[cfg(test)]
mod tests {
    use super::super::question::{Via, Whence};
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};
    use tidings_auth::{Principal, Right};
    use tidings_model::StreamName;

    fn question(number: usize) -> Question {
        let name = StreamName::parse(&format!("a/{number}")).unwrap();
        let whence = Whence { address: IpAddr::V4(Ipv4Addr::LOCALHOST), via: Via::Poll };
        Question::of_right(&Principal::unruled(), Right::Read, name, whence)
    }

    #[test]
    fn an_answer_holds_until_its_end_and_there_are_never_too_many() {
        let mut remembered = Remembered::new(100);
        remembered.insert(question(0), Verdict::No, 1_000);
        assert_eq!(remembered.find(&question(0), 999), Some(Verdict::No));
        assert_eq!(remembered.find(&question(0), 1_000), None);
        for number in 1..1_000 {
            remembered.insert(question(number), Verdict::No, 1_000);
            assert!(remembered.young.len() + remembered.old.len() <= 100);
            // What is asked for stays.
            assert_eq!(remembered.find(&question(0), 0), Some(Verdict::No), "{number}");
        }
        assert_eq!(remembered.find(&question(1), 0), None);
    }
}
