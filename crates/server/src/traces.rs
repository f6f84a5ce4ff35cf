//! Traces of publishes, for a collector that speaks OTLP: publish → commit → fan-out.
//!
//! Some of the publishes, by a share that the settings say, and those whose sender traces them (`traceparent`). Where no
//! collector is named, nothing of this is there.

mod exporter;
mod span;
mod trace_parent;

use crate::metrics::{Metrics, Registry};
use crate::settings::Settings;
use span::{Part, Span};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tidings_model::StreamName;
use tidings_protocol::Headers;
use trace_parent::TraceParent;

/// Where all workers send their spans.
#[derive(Clone)]
pub(crate) struct Collector {
    spans: SyncSender<Span>,
    /// Of so many publishes without a `traceparent`, one is traced; of none where it is 0.
    one_of: u64,
}

impl Collector {
    /// As the settings say; `None` where they name no collector.
    pub(crate) fn start(settings: &Settings, registry: &Arc<Registry>) -> std::io::Result<Option<Collector>> {
        let Some(endpoint) = settings.otlp_endpoint.clone() else { return Ok(None) };
        let spans = exporter::start(endpoint, Arc::clone(registry))?;
        Ok(Some(Collector { spans, one_of: settings.otlp_one_of as u64 }))
    }
}

/// The traces of one worker.
pub(crate) struct Tracer {
    collector: Collector,
    metrics: Arc<Metrics>,
    /// What has to be added to the engine's clock for the time since 1970.
    epoch: Duration,
    /// Publishes that were answered, while the worker passes on what was committed with them.
    passing_on: Vec<Trace>,
}

/// One publish that is traced.
pub(crate) struct Trace {
    id: u128,
    parent: u64,
    span: u64,
    began: Duration,
    stream: StreamName,
    messages: usize,
}

impl Tracer {
    /// Of a worker. `now` is the time since 1970, `elapsed` that of the engine's clock.
    pub(crate) fn new(
        collector: Collector,
        metrics: Arc<Metrics>,
        now: Duration,
        elapsed: Duration,
    ) -> Tracer {
        Tracer { collector, metrics, epoch: now.saturating_sub(elapsed), passing_on: Vec::new() }
    }

    /// A publish begins that may be traced. `random` is 64 bits of anything.
    pub(crate) fn begin<H: Headers + ?Sized>(
        &self,
        headers: &H,
        (stream, messages): (&StreamName, usize),
        mut random: impl FnMut() -> u64,
        now: Duration,
    ) -> Option<Box<Trace>> {
        let parent = headers.first_text("traceparent").and_then(TraceParent::parse);
        let is_sampled = match &parent {
            Some(parent) => parent.is_sampled,
            None => self.collector.one_of != 0 && random().is_multiple_of(self.collector.one_of),
        };
        if !is_sampled {
            return None;
        }
        let id = parent.map_or_else(|| u128::from(random()) << 64 | u128::from(random()), |it| it.trace);
        let (parent, span) = (parent.map_or(0, |it| it.span), random().max(1));
        Some(Box::new(Trace { id, parent, span, began: now, stream: stream.clone(), messages }))
    }

    /// It is about to be answered. `commit` is when what it was stored with was begun and synced.
    pub(crate) fn on_answered(
        &mut self,
        trace: Trace,
        is_stored: bool,
        commit: (Duration, Duration),
        now: Duration,
    ) {
        let Trace { messages, .. } = trace;
        let publish = Part::Publish { stream: trace.stream.clone(), messages, is_stored };
        self.send(&trace, trace.span, trace.parent, publish, (trace.began, now));
        if is_stored {
            self.send(&trace, trace.span.wrapping_add(1), trace.span, Part::Commit, commit);
            if self.passing_on.len() < Tracer::PASSING_ON_MAX {
                self.passing_on.push(trace);
            }
        }
    }

    /// How many publishes of one turn have their fan-out told.
    const PASSING_ON_MAX: usize = 64;

    /// The worker has passed on what was committed at `since`; `None` if it had no follower of it.
    pub(crate) fn on_passed_on(&mut self, since: Option<Duration>, now: Duration) {
        for trace in std::mem::take(&mut self.passing_on) {
            if let Some(since) = since {
                self.send(&trace, trace.span.wrapping_add(2), trace.span, Part::FanOut, (since, now));
            }
        }
    }

    fn send(&self, trace: &Trace, id: u64, parent: u64, part: Part, (began, ended): (Duration, Duration)) {
        let (began, ended) = (self.epoch + began, self.epoch + ended);
        let span = Span { trace: trace.id, id, parent, part, began, ended };
        if self.collector.spans.try_send(span).is_err() {
            self.metrics.spans_dropped.count();
        }
    }
}
