//! Spans, and how OTLP writes them in JSON.

use serde_json::{Value, json};
use std::time::Duration;
use tidings_model::StreamName;

/// One piece of a trace.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) trace: u128,
    pub(super) id: u64,
    /// 0 where there is none.
    pub(super) parent: u64,
    pub(super) part: Part,
    /// Since 1970.
    pub(super) began: Duration,
    pub(super) ended: Duration,
}

/// Which piece.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// From a request to its answer.
    Publish { stream: StreamName, messages: usize, is_stored: bool },
    /// One write and sync, which it shares with others.
    Commit,
    /// Until the worker has written the messages to its followers.
    FanOut,
}

impl Part {
    const fn name(&self) -> &'static str {
        match self {
            Part::Publish { .. } => "publish",
            Part::Commit => "commit",
            Part::FanOut => "fan-out",
        }
    }
}

/// The body of a request to a collector.
pub(super) fn to_json(spans: &[Span]) -> String {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let resource = [text("service.name", "tidings"), text("service.version", env!("CARGO_PKG_VERSION"))];
    let spans: Vec<_> = spans.iter().map(Span::to_json).collect();
    let scope = json!({ "scope": { "name": "tidings" }, "spans": spans });
    json!({ "resourceSpans": [{ "resource": { "attributes": resource }, "scopeSpans": [scope] }] })
        .to_string()
}

impl Span {
    fn to_json(&self) -> Value {
        /// Of the specification: what answers a request, and what happens inside.
        const KIND_SERVER: u8 = 2;
        const KIND_INTERNAL: u8 = 1;
        const STATUS_ERROR: u8 = 2;
        let mut span = json!({
            "traceId": format!("{:032x}", self.trace),
            "spanId": format!("{:016x}", self.id),
            "name": self.part.name(),
            "kind": KIND_INTERNAL,
            "startTimeUnixNano": self.began.as_nanos().to_string(),
            "endTimeUnixNano": self.ended.max(self.began).as_nanos().to_string(),
        });
        if self.parent != 0 {
            span["parentSpanId"] = format!("{:016x}", self.parent).into();
        }
        if let Part::Publish { stream, messages, is_stored } = &self.part {
            span["kind"] = KIND_SERVER.into();
            span["attributes"] = json!([
                { "key": "messaging.system", "value": { "stringValue": "tidings" } },
                { "key": "messaging.destination.name", "value": { "stringValue": stream.as_str() } },
                { "key": "messaging.batch.message_count", "value": { "intValue": messages.to_string() } },
            ]);
            if !is_stored {
                span["status"] = json!({ "code": STATUS_ERROR });
            }
        }
        span
    }
}
