//! What this machine is.

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
use tidings_compare::Machine;

/// What a system is called that does not say.
const UNKNOWN: &str = "unknown";

/// Reads it.
pub(super) fn machine() -> Machine {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    // A machine that says nothing of itself is no reason not to measure.
    let system = System::new_with_specifics(wanted).ok();
    let of_first = system.as_ref().and_then(|system| system.cpus().first()).map(|cpu| cpu.brand().trim());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Machine {
        system: name(),
        processor: of_first.filter(|brand| !brand.is_empty()).unwrap_or(UNKNOWN).to_owned(),
        processors,
        memory_bytes: system.map_or(0, |system| system.total_memory()),
    }
}

/// The operating system and its kernel.
fn name() -> String {
    let name = System::long_os_version().unwrap_or_else(|_not_told| UNKNOWN.to_owned());
    match System::kernel_version() {
        Ok(kernel) => format!("{name}, kernel {kernel}"),
        Err(_not_told) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_machine_that_can_be() {
        let machine = machine();
        assert!(0 < machine.processors && 1 << 20 < machine.memory_bytes, "{machine:?}");
        assert!(!machine.system.is_empty() && !machine.processor.is_empty(), "{machine:?}");
    }
}
