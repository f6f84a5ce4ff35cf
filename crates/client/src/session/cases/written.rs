//! How cases are written: from YAML to the words of the session, and back.

use crate::session::script::{message, name, offset, other_incarnation};
use crate::session::{Action, Question, Standpoint, StreamEvent};
use crate::{Failure, Malformed, Refusal, Timing, Transport, Unreachable, Via};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tidings_model::{Offset, Reset, ResetReason, Skip, Start, StreamName};
use tidings_protocol::websocket::server_message::ServerMessage;
use yaml_rust2::{Yaml, YamlLoader};

/// Reads a file of cases.
pub(super) fn parse(text: &str) -> Value {
    let documents = YamlLoader::load_from_str(text).expect("YAML");
    value(&documents[0])
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(number) => json!(number.parse::<f64>().expect("a number")),
        Yaml::Integer(number) => json!(number),
        Yaml::String(text) => json!(text),
        Yaml::Boolean(truth) => json!(truth),
        Yaml::Array(items) => items.iter().map(value).collect(),
        Yaml::Hash(members) => {
            let key = |yaml: &Yaml| yaml.as_str().expect("keys are words").to_owned();
            Value::Object(members.iter().map(|(own, member)| (key(own), value(member))).collect())
        }
        Yaml::Null => Value::Null,
        Yaml::Alias(_) | Yaml::BadValue => panic!("{yaml:?} stands in no case"),
    }
}

pub(super) fn ms(value: &Value) -> Duration {
    Duration::from_millis(value.as_u64().expect("milliseconds"))
}

pub(super) fn stream(value: &Value) -> StreamName {
    name(value.as_str().expect("a stream"))
}

pub(super) fn via(value: &Value) -> Via {
    match value.as_str().expect("a word") {
        "auto" => Via::Auto,
        "poll" => Via::Poll { every: None },
        "long-poll" => Via::LongPoll,
        "sse" => Via::Sse,
        "websocket" => Via::WebSocket,
        other => panic!("no such transport: {other}"),
    }
}

/// Sets one of the numbers of a session.
pub(super) fn set_option(timing: &mut Timing, key: &str, value: &Value) {
    let time = match key {
        "short_lives" => {
            timing.short_lives = value.as_u64().and_then(|count| count.try_into().ok()).expect("a count");
            return;
        }
        "streams_max" => {
            timing.streams_max = value.as_u64().and_then(|count| count.try_into().ok()).expect("a count");
            return;
        }
        "bars" => {
            timing.bars = value.as_array().expect("bars").iter().map(ms).collect();
            return;
        }
        "poll_interval" => {
            timing.poll_interval = Some(ms(value));
            return;
        }
        "sse_after" => &mut timing.sse_after,
        "long_poll_after" => &mut timing.long_poll_after,
        "dial_max" => &mut timing.dial_max,
        "answer_max" => &mut timing.answer_max,
        "hold" => &mut timing.hold,
        "hold_slack" => &mut timing.hold_slack,
        "held_min" => &mut timing.held_min,
        "poll_interval_default" => &mut timing.poll_interval_default,
        "bridge_interval" => &mut timing.bridge_interval,
        "hidden_poll_interval" => &mut timing.hidden_poll_interval,
        "short_life" => &mut timing.short_life,
        "backoff_base" => &mut timing.backoff_base,
        "backoff_cap" => &mut timing.backoff_cap,
        "missing_max" => &mut timing.missing_max,
        "probe" => &mut timing.probe,
        _ => panic!("no such option: {key}"),
    };
    *time = ms(value);
}

/// `7`, or `x7` of another incarnation.
fn place(value: &Value) -> Offset {
    match (value.as_u64(), value.as_str().and_then(|text| text.strip_prefix('x'))) {
        (Some(index), _) => offset(index),
        (None, Some(index)) => other_incarnation(index.parse().expect("a place")),
        (None, None) => panic!("no place: {value}"),
    }
}

fn written_place(place: Offset) -> Value {
    if place.incarnation == offset(0).incarnation {
        json!(place.index)
    } else {
        json!(format!("x{}", place.index))
    }
}

pub(super) fn start(value: &Value) -> Start {
    if *value == "now" {
        Start::Now
    } else if let Some(count) = value.get("last") {
        Start::Last(count.as_u64().expect("a count"))
    } else if value.as_i64() == Some(-1) {
        Start::Beginning
    } else {
        Start::After(place(value))
    }
}

fn written_start(start: Start) -> Value {
    match start {
        Start::Beginning => json!(-1),
        Start::Now => json!("now"),
        Start::Last(count) => json!({ "last": count }),
        Start::After(offset) => written_place(offset),
    }
}

pub(super) fn frame(value: &Value) -> ServerMessage {
    let own = || stream(&value[1]);
    let optional = |value: &Value| (!value.is_null()).then(|| place(value));
    match value[0].as_str().expect("the type of a frame") {
        "subscribed" => ServerMessage::Subscribed { stream: own(), offset: place(&value[2]) },
        "message" => message(own().as_str(), place(&value[2])),
        "live" => ServerMessage::Live { stream: own(), offset: place(&value[2]) },
        "closed" => ServerMessage::Closed { stream: own(), offset: place(&value[2]) },
        "unsubscribed" => ServerMessage::Unsubscribed { stream: own() },
        "skipped" => {
            let skip = Skip { from: place(&value[2]), to: place(&value[3]) };
            ServerMessage::Skipped { stream: own(), skip }
        }
        "reset" => {
            let reason = ResetReason::parse(value[2].as_str().expect("a reason")).expect("a reason");
            let reset = Reset { reason, earliest: optional(&value[3]), tail: optional(&value[4]) };
            ServerMessage::Reset { stream: own(), reset }
        }
        "error" => ServerMessage::Error {
            id: None,
            stream: Some(own().to_string()),
            code: value[2].as_str().expect("a code").to_owned(),
            message: String::new(),
            retryable: value[3].as_bool().unwrap_or(false),
            retry_after: (!value[4].is_null()).then(|| ms(&value[4])),
        },
        "return" => ServerMessage::Return { within: ms(&value[1]) },
        "drain" => ServerMessage::Drain { within: ms(&value[1]) },
        "heartbeat" => ServerMessage::Heartbeat,
        other => panic!("no such frame: {other}"),
    }
}

pub(super) fn loss(value: &Value) -> Failure {
    let retry_after = value.get("retry_after").map(ms);
    let code = value["code"].as_str().unwrap_or("forbidden").to_owned();
    let refusal = |status, retryable| {
        Failure::Refused(Refusal { status, code, detail: String::new(), retryable, retry_after })
    };
    match value["lost"].as_str().expect("how it was lost") {
        "unreachable" => Unreachable::Ended.into(),
        "refused" => refusal(403, false),
        "busy" => refusal(503, true),
        "malformed" => Malformed("it is not ours".to_owned()).into(),
        other => panic!("no such loss: {other}"),
    }
}

pub(super) fn action(action: &Action) -> Value {
    match action {
        Action::Open { id, transport: Transport::WebSocket, .. } => json!({ "open": [id.0, "websocket"] }),
        Action::Open { id, transport, streams } => {
            json!({ "open": [id.0, transport.as_str(), question(streams)] })
        }
        Action::Ask { id, streams } => json!({ "ask": [id.0, question(streams)] }),
        Action::Subscribe { id, stream, from } => {
            json!({ "subscribe": [id.0, stream.as_str(), written_start(*from)] })
        }
        Action::Unsubscribe { id, stream } => json!({ "unsubscribe": [id.0, stream.as_str()] }),
        Action::Ping { id } => json!({ "ping": id.0 }),
        Action::Close { id } => json!({ "close": id.0 }),
    }
}

fn question(streams: &Question) -> Value {
    let member = |(stream, start): &(StreamName, Start)| (stream.to_string(), written_start(*start));
    Value::Object(streams.iter().map(member).collect::<Map<_, _>>())
}

/// Messages of one stream that were given one after another were given together.
pub(super) fn events(told: &[(StreamName, StreamEvent)]) -> Value {
    let mut written: Vec<Vec<Value>> = Vec::new();
    for (stream, told) in told {
        let mut next = event(stream, told);
        match written.last_mut() {
            Some(last) if last[0] == "messages" && next[0] == "messages" && last[1] == next[1] => {
                last.extend(next.drain(2..));
            }
            _ => written.push(next),
        }
    }
    json!(written)
}

fn event(stream: &StreamName, event: &StreamEvent) -> Vec<Value> {
    let (word, rest) = match event {
        StreamEvent::Messages(messages) => {
            ("messages", messages.iter().map(|message| written_place(message.offset)).collect())
        }
        StreamEvent::Live { offset } => ("live", vec![written_place(*offset)]),
        StreamEvent::Skipped(skip) => ("skipped", vec![written_place(skip.from), written_place(skip.to)]),
        StreamEvent::Missing { .. } => ("missing", Vec::new()),
        StreamEvent::Reset(reset) => ("reset", vec![json!(reset.reason.as_str())]),
        StreamEvent::Closed { offset } => ("closed", vec![written_place(*offset)]),
        StreamEvent::NotFound => ("failed", vec![json!("stream_not_found")]),
        StreamEvent::Failed(failure) => ("failed", vec![json!(code(failure))]),
    };
    let mut written = vec![json!(word), json!(stream.as_str())];
    written.extend::<Vec<Value>>(rest);
    written
}

fn code(failure: &Failure) -> &str {
    match failure {
        Failure::Refused(refusal) => &refusal.code,
        Failure::Malformed(_) => "malformed",
        Failure::Unreachable(_) => "unreachable",
    }
}

pub(super) fn standpoint(standpoint: Standpoint) -> Value {
    json!(match standpoint {
        Standpoint::Idle => "idle",
        Standpoint::Connecting => "connecting",
        Standpoint::Waiting => "waiting",
        Standpoint::Over(transport) => transport.as_str(),
        Standpoint::Failed => "failed",
    })
}
