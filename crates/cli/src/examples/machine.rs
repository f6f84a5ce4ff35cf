//! Live figures of this machine.

use serde_json::{Value, json};
use std::time::Duration;
use sysinfo::{Networks, System};

/// Reads what changes since it was last asked.
pub(super) struct Machine {
    system: System,
    networks: Networks,
}

impl Machine {
    /// Begins to measure; not every system says what it does.
    pub(super) fn new() -> Result<Machine, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_cpu_usage();
        Ok(Machine { system, networks: Networks::new_with_refreshed_list()? })
    }

    /// Processor in percent of all cores, memory in bytes, network in bytes a second over `elapsed`, the time since the last call.
    pub(super) fn figures(&mut self, elapsed: Duration) -> Value {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.networks.refresh(true);
        let (mut received, mut sent) = (0, 0);
        for (_, network) in &self.networks {
            received += network.received();
            sent += network.transmitted();
        }
        json!({
            "cpu": rounded(f64::from(self.system.global_cpu_usage())),
            "cores": self.system.cpus().len(),
            "memory": { "used": self.system.used_memory(), "total": self.system.total_memory() },
            "network": { "received": rate(received, elapsed), "sent": rate(sent, elapsed) },
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody reads more than a few digits")]
fn rate(bytes: u64, elapsed: Duration) -> f64 {
    (bytes as f64 / elapsed.as_secs_f64().max(0.001)).round()
}

/// With one digit behind the point.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_of_a_machine_that_can_be() {
        let figures = Machine::new().unwrap().figures(Duration::from_secs(1));
        let number = |pointer: &str| figures.pointer(pointer).and_then(Value::as_f64).unwrap();
        assert!((0.0..=100.0).contains(&number("/cpu")), "{figures}");
        assert!(0.0 < number("/memory/used"), "{figures}");
        assert!(number("/memory/used") <= number("/memory/total"), "{figures}");
        assert!(0.0 <= number("/network/received"), "{figures}");
    }

    #[test]
    fn a_rate_is_of_a_second() {
        assert!((rate(500, Duration::from_millis(250)) - 2_000.0).abs() < f64::EPSILON);
        assert!(rate(1, Duration::ZERO).is_finite());
    }
}
