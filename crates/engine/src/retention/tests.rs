//! A stream that is told of here, and what goes from it.

use super::*;

const STREAM: u64 = 7;

/// A keeper, and one stream as the log has it.
struct Bench {
    keeper: RetentionKeeper,
    kept: Kept,
    /// All batches that were ever appended.
    batches: Vec<BatchSize>,
}

fn stream() -> Incarnation {
    Incarnation::of_disk(STREAM)
}

fn due(earliest: u64, bytes: u64, oldest: Option<u64>) -> Due {
    Due { earliest, bytes, oldest: oldest.map(Timestamp) }
}

fn count(count: u64) -> Retention {
    Retention { count: Some(count), ..Retention::default() }
}

fn bytes(bytes: u64) -> Retention {
    Retention { bytes: Some(bytes), ..Retention::default() }
}

fn age(ms: u64) -> Retention {
    Retention { age: Some(Duration::from_millis(ms)), ..Retention::default() }
}

impl Bench {
    fn new(retention: Retention) -> Bench {
        let bounds = EngineBounds { ledger_batches_max: 3, ledgers_batches_max: 20, idle_streams_max: 0 };
        let kept = Kept { retention, earliest: 0, tail: 0, bytes: 0, oldest: None };
        Bench { keeper: RetentionKeeper::new(&bounds), kept, batches: Vec::new() }
    }

    /// As if the process had begun anew.
    fn restart(&mut self, now: u64) {
        self.keeper = Bench::new(self.kept.retention).keeper;
        self.keeper.on_found(stream(), &self.kept, Timestamp(now));
    }

    fn append(&mut self, count: u32, bytes: u64, at: u64) -> Option<Due> {
        let batch = BatchSize { first_index: self.kept.tail, count, bytes, time: Timestamp(at) };
        self.batches.push(batch);
        self.kept.tail += u64::from(count);
        self.kept.bytes += bytes;
        let due = self.keeper.on_append(stream(), &self.kept, batch, Timestamp(at));
        self.log(due)
    }

    /// What the log does with it.
    fn log(&mut self, due: Option<Due>) -> Option<Due> {
        if let Some(due) = due {
            assert!(self.kept.earliest < due.earliest && due.earliest <= self.kept.tail);
            self.kept.earliest = due.earliest;
            self.kept.bytes -= due.bytes;
            self.kept.oldest = due.oldest;
        }
        due
    }

    fn tick(&mut self, now: u64) -> Option<Due> {
        let aged = self.keeper.next_aged(Timestamp(now))?;
        let step = self.keeper.on_aged(aged, &self.kept, Timestamp(now));
        self.step(step)
    }

    fn step(&mut self, step: Step) -> Option<Due> {
        if let Some(at) = step.again {
            self.keeper.look_at(at, stream());
        }
        self.log(step.due)
    }

    /// The log is read, if that is asked for.
    fn read(&mut self, now: u64) -> Option<Due> {
        let wanted = self.keeper.next_wanted()?;
        let from = self.kept.earliest;
        let batches = self.batches.iter().filter(|it| from < it.first_index + u64::from(it.count));
        let sizes = batches.take(3).copied().collect();
        let step = self.keeper.on_sizes(wanted, Some(sizes), Some(&self.kept), Timestamp(now));
        self.step(step)
    }

    fn is_quiet(&mut self) -> bool {
        self.keeper.next_wanted().is_none() && self.keeper.next_overdue().is_none()
    }
}

#[test]
fn by_count_the_newest_stay_exactly() {
    let mut bench = Bench::new(count(3));
    assert_eq!(bench.append(2, 20, 0), None);
    assert_eq!(bench.append(2, 20, 1), Some(due(1, 10, Some(0))));
    assert_eq!(bench.append(5, 50, 2), Some(due(6, 50, Some(2))));
    assert!(bench.is_quiet());
}

#[test]
fn by_count_nothing_is_read_where_no_ledger_is() {
    let mut bench = Bench::new(count(4));
    bench.append(4, 100, 0);
    bench.restart(1);
    // As if all five had one size.
    assert_eq!(bench.append(1, 10, 2), Some(due(1, 22, None)));
    assert_eq!(bench.append(9, 9, 3), Some(due(10, 67, None)));
    assert!(bench.is_quiet());
}

#[test]
fn a_stream_that_was_created_empty_is_trimmed_as_any_other() {
    let mut bench = Bench::new(count(1));
    assert_eq!(bench.append(0, 0, 0), None);
    assert_eq!(bench.append(1, 10, 0), None);
    assert_eq!(bench.append(1, 10, 0), Some(due(1, 10, Some(0))));
}

#[test]
fn by_bytes_whole_batches_go_and_the_newest_stays() {
    let mut bench = Bench::new(bytes(100));
    assert_eq!(bench.append(1, 60, 0), None);
    assert_eq!(bench.append(1, 60, 1), Some(due(1, 60, Some(1))));
    assert_eq!(bench.append(1, 500, 2), Some(due(2, 60, Some(2))));
    assert!(bench.is_quiet(), "the newest is too large, and stays");
}

#[test]
fn by_bytes_the_ledger_is_read_where_it_is_missing() {
    let mut bench = Bench::new(bytes(100));
    bench.append(2, 60, 0);
    bench.append(2, 30, 1);
    bench.restart(2);
    assert!(bench.is_quiet());
    assert_eq!(bench.append(1, 20, 3), None);
    assert_eq!(bench.read(3), Some(due(2, 60, Some(1))));
    assert_eq!(bench.append(1, 70, 4), Some(due(4, 30, Some(3))), "it is whole again");
    assert!(bench.is_quiet());
}

#[test]
fn a_long_way_is_gone_a_ledger_at_a_time() {
    let mut bench = Bench::new(bytes(100));
    for at in 0..10 {
        assert_eq!(bench.append(1, 10, at), None);
    }
    assert_eq!(bench.append(1, 95, 10), Some(due(3, 30, None)));
    assert_eq!(bench.read(10), Some(due(6, 30, None)));
    assert_eq!(bench.read(10), Some(due(9, 30, None)));
    assert_eq!(bench.read(10), Some(due(10, 10, Some(10))));
    assert!(bench.is_quiet());
}

#[test]
fn what_was_too_much_at_the_start_is_found() {
    for (retention, gone) in [(bytes(25), due(2, 20, Some(2))), (count(2), due(2, 20, None))] {
        let mut bench = Bench::new(Retention::default());
        for at in 0..4 {
            bench.append(1, 10, at);
        }
        bench.kept.retention = retention;
        bench.restart(9);
        let overdue = bench.keeper.next_overdue().unwrap();
        let due = bench.keeper.on_overdue(overdue, &bench.kept).or_else(|| bench.read(9));
        assert_eq!(due, Some(gone));
    }
}

#[test]
fn by_age_all_may_go_while_nothing_is_published() {
    let mut bench = Bench::new(age(1_000));
    assert_eq!(bench.append(3, 30, 0), None);
    assert_eq!(bench.append(1, 10, 600), None);
    assert_eq!(bench.tick(999), None);
    assert_eq!(bench.tick(1_000), Some(due(3, 30, Some(600))));
    assert_eq!(bench.tick(1_599), None);
    assert_eq!(bench.tick(1_600), Some(due(4, 10, None)));
    assert_eq!(bench.keeper.next_aged(Timestamp(1_000_000)), None, "an empty stream costs nothing");
    assert_eq!(bench.append(1, 10, 2_000), None);
    assert_eq!(bench.tick(3_000), Some(due(5, 10, None)));
}

#[test]
fn by_age_the_ledger_is_read_when_the_time_has_come() {
    let mut bench = Bench::new(age(1_000));
    for at in [0, 100, 200, 300, 2_000] {
        bench.append(1, 10, at);
    }
    bench.kept.oldest = Some(Timestamp(0));
    bench.restart(500);
    assert_eq!(bench.tick(999), None);
    assert_eq!(bench.tick(2_100), None);
    assert_eq!(bench.keeper.next_aged(Timestamp(9_000)), None, "it waits for what is read");
    assert_eq!(bench.read(2_100), Some(due(3, 30, None)));
    assert_eq!(bench.read(2_100), Some(due(4, 10, Some(2_000))));
    assert_eq!(bench.tick(2_999), None);
    assert_eq!(bench.tick(3_000), Some(due(5, 10, None)));
}

#[test]
fn a_time_that_the_log_does_not_know_is_found_out() {
    let mut bench = Bench::new(age(1_000));
    bench.append(1, 10, 500);
    bench.restart(600);
    assert_eq!(bench.tick(600), None);
    assert_eq!(bench.read(600), None);
    assert_eq!(bench.tick(1_500), Some(due(1, 10, None)));
}

#[test]
fn what_could_not_go_is_due_again() {
    let mut bench = Bench::new(count(1));
    bench.append(1, 10, 0);
    let before = bench.kept;
    assert!(bench.append(1, 10, 0).is_some());
    (bench.kept.earliest, bench.kept.bytes) = (before.earliest, 20);
    bench.keeper.on_refused(stream());
    let overdue = bench.keeper.next_overdue().unwrap();
    assert_eq!(bench.keeper.on_overdue(overdue, &bench.kept), Some(due(1, 10, None)));
}

#[test]
fn all_ledgers_together_have_a_bound() {
    let mut bench = Bench::new(bytes(1_000));
    for number in 1..100 {
        let kept = Kept { tail: 1, bytes: 10, ..bench.kept };
        let batch = BatchSize { first_index: 0, count: 1, bytes: 10, time: Timestamp(0) };
        bench.keeper.on_append(Incarnation::of_disk(number), &kept, batch, Timestamp(0));
    }
    let has_ledger = |number: &u64| bench.keeper.ledgers.of(Incarnation::of_disk(*number)).is_some();
    assert_eq!((1..100).filter(has_ledger).collect::<Vec<_>>(), [96, 97, 98, 99]);
}
