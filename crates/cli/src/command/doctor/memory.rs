//! Whether what the settings allow to be kept in memory is there.

use super::finding::{Finding, bytes_text};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};
use tidings_server::settings::Settings;

const ABOUT: &str = "memory";

/// A process without a stream, and what the kernel keeps for sockets.
const BESIDE_BYTES: u64 = 256 << 20;

pub(super) fn check(settings: &Settings) -> Finding {
    let budgets = [
        settings.memory_bytes,
        settings.tail_cache_bytes,
        settings.request_memory_bytes,
        settings.max_unfinished_bytes,
        settings.max_unsent_bytes,
    ];
    let wanted = budgets.iter().fold(BESIDE_BYTES, |sum, bytes| sum.saturating_add(*bytes as u64));
    let Some(there) = memory_bytes() else {
        return Finding::doubtful(
            ABOUT,
            "the system does not say how much there is",
            "look at it by yourself",
        );
    };
    let found =
        format!("{} are there; the settings' budgets come to {}", bytes_text(there), bytes_text(wanted));
    let finding = if wanted <= there {
        Finding::good(ABOUT, found)
    } else {
        let advice = "lower `memory_bytes` (what `memory` streams may take), `request_memory_bytes`, \
                      `max_unfinished_bytes` or `max_unsent_bytes`: when all are used up at once, the system ends the process";
        Finding::doubtful(ABOUT, found, advice)
    };
    finding.with("bytes", there).with("budgets_bytes", wanted)
}

/// What this process may have: of the machine, or of its control group.
fn memory_bytes() -> Option<u64> {
    let ram = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(ram).ok()?;
    let of_group = system.cgroup_limits().map(|limits| limits.total_memory).filter(|bytes| 0 < *bytes);
    Some(of_group.map_or(system.total_memory(), |bytes| bytes.min(system.total_memory())))
}
