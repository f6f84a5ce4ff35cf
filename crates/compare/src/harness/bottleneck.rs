//! Whether a run says something about the server, or about what measured it.

use crate::findings::Distribution;

/// Which part of the time the followers' thread, and that of the proxy, may be at work: above it, what comes waits for its turn.
const BUSY_MAX: f64 = 0.8;

/// How late what is due may be done at the 99th percentile, in milliseconds, or as a part of the median latency if that is more.
const LATE_MS_MAX: f64 = 5.0;
const LATE_OF_MEDIAN_MAX: f64 = 0.05;

/// How long what came may lie unread at the 99th percentile, in milliseconds, or as a part of that percentile of the latencies if that is
/// more: so much of them is the harness's.
const UNREAD_MS_MAX: f64 = 5.0;
const UNREAD_OF_LATENCY_MAX: f64 = 0.2;

/// Both may also be more where that can't change what is concluded: with a small part of what is late, nobody becomes late; with a small part
/// of the time between two messages, no two of them fall into one answer because a follower came back for more too late.
const OWN_OF_LATE_BOUND_MAX: f64 = 0.05;
const OWN_OF_INTERVAL_MAX: f64 = 0.2;

/// Which part of all processors may be in use.
const ALL_CPUS_MAX: f64 = 0.95;

/// How many processors others may use, or which part of all if that is more: on a machine with many, a few that are busy elsewhere are in
/// nobody's way.
const OTHERS_CPUS_MAX: f64 = 0.3;
const OTHERS_PART_MAX: f64 = 0.15;

/// Which part of the polls may be skipped because the one before was not answered.
const SKIPPED_MAX: f64 = 0.01;

/// What can be held against a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Signs {
    /// Which part of the measured time the followers' thread was at work.
    pub(super) busy: f64,
    pub(super) late_p99_ms: f64,
    pub(super) unread_p99_ms: f64,
    pub(super) latency_p50_ms: f64,
    pub(super) latency_p99_ms: f64,
    /// Which latency is late, and the time between two messages of a stream.
    pub(super) late_bound_ms: f64,
    pub(super) interval_ms: f64,
    /// Which part of all processors was in use; `None` where the system does not tell.
    pub(super) all_cpus: Option<f64>,
    /// How many processors others used; `None` where that can't be told.
    pub(super) others_cpus: Option<f64>,
    /// How many there are.
    pub(super) processors: f64,
    /// Which part of the time the proxy's thread was at work.
    pub(super) proxy_busy: f64,
    /// Which part of the polls was skipped.
    pub(super) skipped: f64,
    /// Whether messages waited because too many were not acknowledged.
    pub(super) publisher_hit_bound: bool,
    /// Whether messages were not acknowledged when the run was over.
    pub(super) is_unacknowledged: bool,
    /// Whether the system had no port left for a connection.
    pub(super) is_out_of_ports: bool,
}

impl Signs {
    /// Why the figures are not the server's alone, and what to do; `None` where they are.
    pub(super) fn bottleneck(&self) -> Option<String> {
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        let changes_nothing =
            (OWN_OF_LATE_BOUND_MAX * self.late_bound_ms).min(OWN_OF_INTERVAL_MAX * self.interval_ms);
        let unread_ms_max =
            UNREAD_MS_MAX.max(UNREAD_OF_LATENCY_MAX * self.latency_p99_ms).max(changes_nothing);
        let late_ms_max = LATE_MS_MAX.max(LATE_OF_MEDIAN_MAX * self.latency_p50_ms).max(changes_nothing);
        let others_max = OTHERS_CPUS_MAX.max(OTHERS_PART_MAX * self.processors);
        // What others do comes first: it is the reason of much that follows.
        let reasons = [
            self.others_cpus.filter(|others| others_max < *others).map(|others| {
                format!("other programs used {others:.1} processors: end them, or compare when the machine is quiet")
            }),
            (BUSY_MAX < self.busy).then(|| {
                format!(
                    "the followers' thread was busy {} of the time: compare with fewer followers or messages",
                    percent(self.busy)
                )
            }),
            (BUSY_MAX < self.proxy_busy).then(|| {
                format!(
                    "the proxy that makes the network was busy {} of the time: compare with fewer followers or messages",
                    percent(self.proxy_busy)
                )
            }),
            self.publisher_hit_bound.then(|| {
                "more messages were due than the server acknowledged: publish fewer messages a second".to_owned()
            }),
            self.is_unacknowledged.then(|| {
                "some messages were not acknowledged when the run was over: publish fewer messages a second".to_owned()
            }),
            self.is_out_of_ports.then(|| {
                "the system had no free port for a connection: compare with fewer followers or messages, or with one that keeps its \
                 connections"
                    .to_owned()
            }),
            self.all_cpus.filter(|all| ALL_CPUS_MAX < *all).map(|all| {
                format!("all processors were busy {} of the time: compare with fewer followers or messages", percent(all))
            }),
            (SKIPPED_MAX < self.skipped).then(|| {
                format!(
                    "{} of the polls were due before the one before was answered: poll less often, or with fewer followers",
                    percent(self.skipped)
                )
            }),
            (unread_ms_max < self.unread_p99_ms).then(|| {
                format!(
                    "1 % of what came lay unread for {:.1} ms or longer: compare with fewer followers or messages, or on a quieter machine",
                    self.unread_p99_ms
                )
            }),
            (late_ms_max < self.late_p99_ms).then(|| {
                format!(
                    "1 % of what was due was done {:.1} ms late or later: compare with fewer followers or messages, or on a quieter machine",
                    self.late_p99_ms
                )
            }),
        ];
        reasons.into_iter().flatten().next()
    }

    /// Takes over what the latencies say.
    pub(super) fn with_latency(self, latency: &Distribution) -> Signs {
        Signs { latency_p50_ms: latency.p50_ms, latency_p99_ms: latency.p99_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calm() -> Signs {
        Signs {
            busy: 0.3,
            late_p99_ms: 1.0,
            all_cpus: Some(0.5),
            others_cpus: Some(0.1),
            processors: 2.0,
            ..Signs::default()
        }
    }

    #[test]
    fn a_calm_run_is_used() {
        assert_eq!(calm().bottleneck(), None);
        let slow = Distribution { p50_ms: 2_500.0, ..Distribution::default() };
        let late = Signs { late_p99_ms: 100.0, ..calm() };
        assert_eq!(late.clone().with_latency(&slow).bottleneck(), None, "5 % of the median is little");
        assert!(late.bottleneck().is_some());
    }

    #[test]
    fn what_lay_unread_counts_where_it_could_change_a_conclusion() {
        let signs =
            |late_bound_ms, interval_ms| Signs { unread_p99_ms: 29.0, late_bound_ms, interval_ms, ..calm() };
        assert_eq!(signs(1_000.0, 500.0).bottleneck(), None);
        let late =
            |late_bound_ms| Signs { unread_p99_ms: 0.0, late_p99_ms: 29.0, ..signs(late_bound_ms, 500.0) };
        assert_eq!(late(1_000.0).bottleneck(), None);
        assert!(late(500.0).bottleneck().is_some());
        assert!(signs(500.0, 500.0).bottleneck().is_some(), "25 ms of 500 ms would be little");
        assert!(signs(1_000.0, 100.0).bottleneck().is_some(), "answers would carry two messages");
    }

    #[test]
    fn each_sign_is_told_with_what_to_do() {
        let told = |signs: Signs| signs.bottleneck().unwrap();
        let busy = told(Signs { busy: 0.93, ..calm() });
        assert_eq!(
            busy,
            "the followers' thread was busy 93 % of the time: compare with fewer followers or messages"
        );
        assert!(told(Signs { late_p99_ms: 5.1, ..calm() }).contains("5.1 ms late"));
        assert!(told(Signs { unread_p99_ms: 5.1, ..calm() }).contains("unread for 5.1 ms"));
        assert!(told(Signs { all_cpus: Some(0.96), ..calm() }).contains("all processors"));
        let others = Signs { others_cpus: Some(0.4), ..calm() };
        assert!(told(others.clone()).contains("other programs used 0.4"));
        assert_eq!(Signs { processors: 8.0, ..others }.bottleneck(), None, "a twentieth of the machine");
        assert!(
            told(Signs { proxy_busy: 0.9, ..calm() })
                .contains("the proxy that makes the network was busy 90 %")
        );
        assert!(told(Signs { skipped: 0.05, ..calm() }).contains("5 % of the polls"));
        assert!(told(Signs { publisher_hit_bound: true, ..calm() }).contains("acknowledged"));
        assert!(told(Signs { is_out_of_ports: true, ..calm() }).contains("port"));
        assert!(told(Signs { is_unacknowledged: true, ..calm() }).contains("not acknowledged"));
    }
}
