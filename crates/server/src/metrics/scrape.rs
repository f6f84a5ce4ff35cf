//! `GET /metrics`: all numbers of all workers, added up when somebody asks.

use super::definition::{Definition, Table};
use super::exposition::{TextFormat, write_metric};
use super::instrument::Merge;
use super::{Metrics, OfLog, Registry, ServerMetrics, process};
use crate::admin::{Concern, authorise_admin};
use crate::authorise::Principal;
use crate::limits::Limit;
use crate::worker::core::Core;
use tidings_engine::{LogSize, Measured};
use tidings_protocol::{CacheControl, Headers, Problem, Response, header_name};

/// The page of metrics. Where there are rules it is for those who have the right `admin` on all streams.
pub(crate) fn scrape<H: Headers + ?Sized>(
    principal: &Principal,
    headers: &H,
    core: &Core,
) -> Result<Response, Problem> {
    authorise_admin(principal, Concern::Server)?;
    update(core);
    let format = TextFormat::asked_for(headers.single_text("accept")?);
    let body = page(&core.registry, format);
    Ok(Response::new(200)
        .with_body(format.content_type(), body)
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore))
}

/// Looks at what is counted elsewhere, or not at all.
fn update(core: &Core) {
    let server = &core.registry.server;
    let Measured { commits, operations, messages, message_bytes, tail_cache_bytes, streams, disk, memory } =
        core.engine.measured();
    server.commits.set(commits);
    server.operations.set(operations);
    server.messages.set(messages);
    server.message_bytes.set(message_bytes);
    server.tail_cache.set(tail_cache_bytes);
    server.streams.set(streams);
    for (log, LogSize { segments, blocks, bytes }) in [(OfLog::Disk, disk), (OfLog::Memory, memory)] {
        server.log_bytes.of(log).set(bytes);
        server.segments.of(log).set(segments);
        server.blocks.of(log).set(blocks);
    }
    core.memory.report(server);
    server.return_window.set(core.return_window.seconds());
    for limit in Limit::ALL {
        server.limits_hit.of(*limit).set(core.limits.refusal_count(*limit));
    }
    core.decisions.asks().report(server, core.now);
    server.draining.set(u64::from(core.draining));
    server.disk_free.set(process::disk_free_bytes(&core.settings.data));
    server.cpu.set(process::cpu());
    server.resident.set(process::resident_bytes());
    server.descriptors.set(process::descriptors());
    server.descriptors_max.set(process::descriptors_max());
}

fn page(registry: &Registry, format: TextFormat) -> String {
    let mut text = String::with_capacity(32 << 10);
    let of_workers = registry.workers.iter().map(|metrics| metrics.read());
    let together = of_workers.reduce(|sums, numbers| merge(Metrics::DEFINITIONS, sums, &numbers));
    write_table(Metrics::DEFINITIONS, &together.unwrap_or_default(), format, &mut text);
    write_table(ServerMetrics::DEFINITIONS, &registry.server.read(), format, &mut text);
    text.push_str(format.end());
    text
}

fn merge(definitions: &[Definition], mut sums: Vec<Vec<u64>>, numbers: &[Vec<u64>]) -> Vec<Vec<u64>> {
    for ((definition, sums), numbers) in definitions.iter().zip(&mut sums).zip(numbers) {
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum = match definition.merge {
                Merge::Sum => sum.wrapping_add(*number),
                Merge::Largest => (*sum).max(*number),
            };
        }
    }
    sums
}

fn write_table(definitions: &[Definition], numbers: &[Vec<u64>], format: TextFormat, text: &mut String) {
    for (definition, numbers) in definitions.iter().zip(numbers) {
        write_metric(definition, numbers, format, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{FollowedBy, HeldBy};
    use std::time::Duration;
    use tidings_model::Timestamp;

    fn lines<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
        text.lines().filter(|line| line.starts_with(start)).collect()
    }

    #[test]
    fn what_workers_counted_is_added_up() {
        let registry = Registry::new(2, Timestamp(0));
        let (one, other) = (registry.of_worker(0), registry.of_worker(1));
        one.followers.of(FollowedBy::Sse).up();
        other.followers.of(FollowedBy::Sse).up();
        other.connections.of(HeldBy::Worker).set(7);
        one.fan_out.observe(Duration::from_micros(300));
        other.fan_out.observe(Duration::from_secs(5));
        let text = page(&registry, TextFormat::Prometheus);
        assert_eq!(
            lines(&text, "tidings_followers{"),
            [
                "tidings_followers{transport=\"long-poll\"} 0",
                "tidings_followers{transport=\"sse\"} 2",
                "tidings_followers{transport=\"websocket\"} 0"
            ]
        );
        assert!(text.contains("# TYPE tidings_followers gauge\n"));
        assert!(text.contains("tidings_connections{held_by=\"worker\"} 7\n"));
        assert!(text.contains("tidings_fan_out_seconds_bucket{le=\"0.00025\"} 0\n"));
        assert!(text.contains("tidings_fan_out_seconds_bucket{le=\"0.0005\"} 1\n"));
        assert!(text.contains("tidings_fan_out_seconds_bucket{le=\"+Inf\"} 2\n"));
        assert!(text.contains("tidings_fan_out_seconds_sum 5.0003\ntidings_fan_out_seconds_count 2\n"));
    }

    #[test]
    fn open_metrics_names_counters_without_their_ending() {
        let registry = Registry::new(1, Timestamp(0));
        registry.of_worker(0).accepted.count();
        let text = page(&registry, TextFormat::OpenMetrics);
        assert!(text.contains("# TYPE tidings_connections_accepted counter\n"));
        assert!(text.contains("\ntidings_connections_accepted_total 1\n"));
        assert!(text.ends_with("\n# EOF\n"));
    }
}
