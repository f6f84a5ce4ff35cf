//! When a follower is due a heartbeat, and when its peer counts as gone: one rule for slots and for tasks.

/// When a peer was last sent something, and when it was last heard; in milliseconds of the worker's clock.
///
/// Asked of a connection only while it takes what it is sent: one that is blocked proves nothing by its silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Liveness {
    pub(super) sent_ms: u64,
    pub(super) seen_ms: u64,
    /// Whether the peer was asked to speak since it was last heard.
    pub(super) asked: bool,
}

/// What a follower is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Nothing was sent for a heartbeat.
    Silence,
    /// It was sent to, but nothing that it must answer, and was not heard for a heartbeat.
    Unanswered,
    /// It was not heard for two and a half heartbeats.
    Unheard,
}

impl Liveness {
    pub(super) fn due(&self, now_ms: u64, heartbeat_ms: u64) -> Due {
        if self.unheard_ms(heartbeat_ms) <= now_ms {
            Due::Unheard
        } else if self.sent_ms.saturating_add(heartbeat_ms) <= now_ms {
            Due::Silence
        } else if !self.asked && self.seen_ms.saturating_add(heartbeat_ms) <= now_ms {
            Due::Unanswered
        } else {
            Due::Nothing
        }
    }

    /// When it has to be asked again.
    pub(super) fn next_ms(&self, heartbeat_ms: u64) -> u64 {
        let silence_ms = self.sent_ms.saturating_add(heartbeat_ms);
        let heard_ms = if self.asked {
            self.unheard_ms(heartbeat_ms)
        } else {
            self.seen_ms.saturating_add(heartbeat_ms)
        };
        silence_ms.min(heard_ms)
    }

    fn unheard_ms(&self, heartbeat_ms: u64) -> u64 {
        self.seen_ms.saturating_add(heartbeat_ms.saturating_mul(5) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT_MS: u64 = 100;

    fn due(sent_ms: u64, seen_ms: u64, asked: bool, now_ms: u64) -> Due {
        Liveness { sent_ms, seen_ms, asked }.due(now_ms, HEARTBEAT_MS)
    }

    #[test]
    fn each_rule_has_its_time() {
        assert_eq!(due(0, 0, false, 99), Due::Nothing);
        assert_eq!(due(0, 0, false, 100), Due::Silence);
        assert_eq!(due(90, 0, false, 100), Due::Unanswered);
        assert_eq!(due(90, 0, true, 100), Due::Nothing);
        assert_eq!(due(190, 0, true, 249), Due::Nothing);
        assert_eq!(due(190, 0, true, 250), Due::Unheard);
        assert_eq!(due(190, 150, false, 249), Due::Nothing);
    }

    #[test]
    fn nothing_is_due_before_the_next_time() {
        for sent_ms in [0, 40, 90, 180, 240] {
            for seen_ms in [0, 50, 90] {
                for asked in [false, true] {
                    let liveness = Liveness { sent_ms, seen_ms, asked };
                    let next_ms = liveness.next_ms(HEARTBEAT_MS);
                    for now_ms in sent_ms.max(seen_ms)..next_ms {
                        assert_eq!(liveness.due(now_ms, HEARTBEAT_MS), Due::Nothing, "{liveness:?} {now_ms}");
                    }
                    assert_ne!(liveness.due(next_ms, HEARTBEAT_MS), Due::Nothing, "{liveness:?}");
                }
            }
        }
    }
}
