//! The form of an export: for each stream a line that says what it is, then a line for each of its messages.
//!
//! ```text
//! {"stream":"a","incarnation":"…","created":"…","content_type":"…",…,"earliest":"…","tail":"…","closed":false}
//! {"offset":"…","time":"…","data":…}
//! ```
//! Messages stand as `tidings read --json` prints them; the offset is the one after the message.

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tidings_log::{Remembered, RememberedKey, RememberedProducer, Restore, StreamView};
use tidings_model::{
    ContentKind, ContentType, Durability, Lifetime, Offset, Retention, StreamConfig, StreamName, Timestamp,
};
use tidings_protocol::envelope::{EnvelopeData, parse_envelopes, write_envelope};
use tidings_protocol::{parse_rfc3339, rfc3339_text};

/// What the first line of a stream says.
#[derive(Clone, Debug)]
pub(crate) struct StreamLine {
    pub(crate) restore: Restore,
    pub(crate) tail_index: u64,
    pub(crate) closed: bool,
}

impl StreamLine {
    /// How the line begins, which no line of a message does.
    pub(crate) const START: &[u8] = b"{\"stream\":";

    pub(crate) fn of(view: &StreamView, remembered: Remembered) -> StreamLine {
        let restore = Restore {
            name: view.name.clone(),
            incarnation: view.incarnation,
            config: (*view.config).clone(),
            created: view.created,
            first_index: view.earliest_index,
            remembered,
        };
        StreamLine { restore, tail_index: view.tail_index, closed: view.closed }
    }

    /// The line, with its line feed.
    pub(crate) fn write(&self) -> String {
        let StreamLine { restore, tail_index, closed } = self;
        let StreamConfig { content_type, lifetime, retention, durability } = &restore.config;
        let offset = |index| Offset { incarnation: restore.incarnation, index }.to_string();
        let mut line = Map::new();
        let mut put = |key: &str, value: Value| drop(line.insert(key.to_owned(), value));
        put("incarnation", json!(restore.incarnation.to_string()));
        put("created", json!(time_text(restore.created)));
        put("content_type", json!(content_type.as_str()));
        match lifetime {
            Lifetime::Forever => {}
            Lifetime::Ttl { seconds } => put("ttl_seconds", json!(seconds)),
            Lifetime::Until { text, .. } => put("expires_at", json!(&**text)),
        }
        if let Some(age) = retention.age {
            put("retention_age_ms", json!(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)));
        }
        if let Some(bytes) = retention.bytes {
            put("retention_bytes", json!(bytes));
        }
        if let Some(count) = retention.count {
            put("retention_count", json!(count));
        }
        if let Some(durability) = durability {
            put("durability", json!(durability.as_str()));
        }
        put("earliest", json!(offset(restore.first_index)));
        put("tail", json!(offset(*tail_index)));
        put("closed", json!(closed));
        put_remembered(&restore.remembered, &mut put);
        // The name goes first, so that the line is known by its beginning.
        let name = Value::from(restore.name.as_str());
        let rest = Value::Object(line).to_string();
        format!("{{\"stream\":{name},{}\n", &rest[1..])
    }

    pub(crate) fn parse(line: &[u8]) -> anyhow::Result<StreamLine> {
        let line: Map<String, Value> = serde_json::from_slice(line).context("it is no JSON object")?;
        let known = |key: &str| KEYS.contains(&key);
        if let Some(key) = line.keys().find(|key| !known(key)) {
            bail!("`{key}` is not known; was this written by a later version?");
        }
        let text = |key: &str| line.get(key).and_then(Value::as_str);
        let needed = |key: &str| text(key).with_context(|| format!("`{key}` is missing, or no text"));
        let number = |key: &str| match line.get(key) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).with_context(|| format!("`{key}` is no number")),
        };
        let (earliest, tail) = (offset(needed("earliest")?)?, offset(needed("tail")?)?);
        let incarnation = needed("incarnation")?;
        let right = tail.incarnation == earliest.incarnation
            && earliest.index <= tail.index
            && earliest.incarnation.to_string() == incarnation;
        if !right {
            bail!("`incarnation`, `earliest` and `tail` do not fit together");
        }
        let lifetime = match (number("ttl_seconds")?, text("expires_at")) {
            (Some(seconds), _) => Lifetime::Ttl { seconds },
            (None, Some(at)) => Lifetime::Until {
                at: parse_rfc3339(at).context("`expires_at` is not RFC 3339")?,
                text: at.into(),
            },
            (None, None) => Lifetime::Forever,
        };
        let durability = match text("durability") {
            Some(word) => Some(Durability::parse(word).context("`durability` is `disk` or `memory`")?),
            None => None,
        };
        let config = StreamConfig {
            content_type: ContentType::parse(needed("content_type")?)?,
            lifetime,
            retention: Retention {
                age: number("retention_age_ms")?.map(Duration::from_millis),
                bytes: number("retention_bytes")?,
                count: number("retention_count")?,
            },
            durability,
        };
        let restore = Restore {
            name: StreamName::parse(needed("stream")?)?,
            incarnation: earliest.incarnation,
            config,
            created: time(needed("created")?)?,
            first_index: earliest.index,
            remembered: remembered(&line)?,
        };
        let closed = line.get("closed").and_then(Value::as_bool).context("`closed` is missing")?;
        Ok(StreamLine { restore, tail_index: tail.index, closed })
    }
}

/// The members of the first line of a stream.
const KEYS: [&str; 16] = [
    "stream",
    "incarnation",
    "created",
    "content_type",
    "ttl_seconds",
    "expires_at",
    "retention_age_ms",
    "retention_bytes",
    "retention_count",
    "durability",
    "earliest",
    "tail",
    "closed",
    "producers",
    "keys",
    "stream_seq",
];

fn put_remembered(remembered: &Remembered, put: &mut impl FnMut(&str, Value)) {
    let Remembered { producers, keys, seq } = remembered;
    if !producers.is_empty() {
        let producer = |it: &RememberedProducer| json!({"id": &*it.id, "epoch": it.epoch, "seq": it.seq, "end_indexes": it.end_indexes});
        put("producers", producers.iter().map(producer).collect());
    }
    if !keys.is_empty() {
        let key = |it: &RememberedKey| {
            json!({
                "key": &*it.key,
                "body_hash": BASE64.encode(it.body_hash),
                "end_index": it.end_index,
                "time": time_text(it.time),
            })
        };
        put("keys", keys.iter().map(key).collect());
    }
    if let Some(seq) = seq {
        put("stream_seq", json!(&**seq));
    }
}

fn remembered(line: &Map<String, Value>) -> anyhow::Result<Remembered> {
    let list = |key: &str| match line.get(key) {
        None => Ok([].as_slice()),
        Some(value) => value.as_array().map(Vec::as_slice).with_context(|| format!("`{key}` is no array")),
    };
    let producer = |it: &Value| {
        Some(RememberedProducer {
            id: it["id"].as_str()?.into(),
            epoch: it["epoch"].as_u64()?,
            seq: it["seq"].as_u64()?,
            end_indexes: it["end_indexes"].as_array()?.iter().map(Value::as_u64).collect::<Option<_>>()?,
        })
    };
    let key = |it: &Value| {
        Some(RememberedKey {
            key: it["key"].as_str()?.into(),
            body_hash: BASE64.decode(it["body_hash"].as_str()?).ok()?.try_into().ok()?,
            end_index: it["end_index"].as_u64()?,
            time: parse_rfc3339(it["time"].as_str()?)?,
        })
    };
    let producers = list("producers")?.iter().map(producer).collect::<Option<_>>();
    let keys = list("keys")?.iter().map(key).collect::<Option<_>>();
    Ok(Remembered {
        producers: producers.context("one of `producers` is not what was exported")?,
        keys: keys.context("one of `keys` is not what was exported")?,
        seq: line.get("stream_seq").and_then(Value::as_str).map(Arc::from),
    })
}

/// One message of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageLine {
    /// The offset after it.
    pub(crate) offset: Offset,
    pub(crate) time: Timestamp,
    pub(crate) data: Bytes,
}

impl MessageLine {
    /// Appends the line, with its line feed.
    pub(crate) fn write(&self, kind: ContentKind, out: &mut Vec<u8>) {
        // White space in a JSON value may be a line feed. It is part of the message, and so is kept another way.
        let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let kind =
            if kind == ContentKind::Json && self.data.iter().any(breaks) { ContentKind::Bytes } else { kind };
        write_envelope(out, kind, self.offset, self.time, &self.data);
        out.push(b'\n');
    }

    pub(crate) fn parse(line: &[u8], kind: ContentKind) -> anyhow::Result<MessageLine> {
        let mut array = Vec::with_capacity(line.len() + 2);
        array.push(b'[');
        array.extend_from_slice(line);
        array.push(b']');
        let mut envelopes = parse_envelopes(&array.into())?;
        let (Some(envelope), true) = (envelopes.pop(), envelopes.is_empty()) else {
            bail!("it is not one message");
        };
        let data = match envelope.data {
            EnvelopeData::Bytes(bytes) if kind == ContentKind::Json => {
                tidings_protocol::json::check(&bytes).map_err(|_| anyhow!("the message is no JSON"))?;
                Some(bytes)
            }
            data @ (EnvelopeData::Bytes(_) | EnvelopeData::Json(_)) => data.into_message(kind),
        };
        let data = data.context("the message is none of the stream's content type")?;
        Ok(MessageLine { offset: envelope.offset, time: envelope.time, data })
    }
}

fn offset(text: &str) -> anyhow::Result<Offset> {
    Offset::parse(text).map_err(|_| anyhow!("`{text}` is no offset"))
}

fn time(text: &str) -> anyhow::Result<Timestamp> {
    parse_rfc3339(text).with_context(|| format!("`{text}` is not RFC 3339"))
}

fn time_text(time: Timestamp) -> String {
    String::from_utf8_lossy(&rfc3339_text(time)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::Incarnation;

    const TIME: Timestamp = Timestamp(1_795_428_000_123);

    fn stream_line(lifetime: Lifetime) -> StreamLine {
        let retention = Retention { age: Some(Duration::from_secs(5)), bytes: Some(6), count: Some(7) };
        let durability = Some(Durability::Disk);
        let producers =
            vec![RememberedProducer { id: "p".into(), epoch: 1, seq: 1, end_indexes: vec![3, 9] }];
        let keys = vec![RememberedKey { key: "k\n".into(), body_hash: [7; 16], end_index: 4, time: TIME }];
        let restore = Restore {
            name: StreamName::parse("orders/\"42\"").unwrap(),
            incarnation: Incarnation::of_disk(0xabc),
            config: StreamConfig { content_type: ContentType::json(), lifetime, retention, durability },
            created: TIME,
            first_index: 3,
            remembered: Remembered { producers, keys, seq: Some("s".into()) },
        };
        StreamLine { restore, tail_index: 9, closed: true }
    }

    #[test]
    fn a_stream_reads_back() {
        let text: Arc<str> = "2026-11-23T10:00:00Z".into();
        let until = Lifetime::Until { at: parse_rfc3339(&text).unwrap(), text };
        for lifetime in [Lifetime::Forever, Lifetime::Ttl { seconds: 9 }, until] {
            let line = stream_line(lifetime);
            let text = line.write();
            assert!(text.as_bytes().starts_with(StreamLine::START) && text.ends_with("}\n"), "{text}");
            assert_eq!(text.lines().count(), 1);
            let read = StreamLine::parse(text.trim_end().as_bytes()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{line:?}"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_stream_is_named() {
        let good = stream_line(Lifetime::Forever).write();
        for (from, to, told) in [
            ("\"closed\":true", "\"shut\":true", "`shut` is not known"),
            ("_0000000000000009", "_0000000000000002", "do not fit together"),
            ("application/json", "json", "content type"),
            ("\"epoch\":1", "\"epoch\":-1", "one of `producers`"),
        ] {
            let error = StreamLine::parse(good.replace(from, to).as_bytes()).unwrap_err();
            assert!(format!("{error:#}").contains(told), "{error:#}");
        }
    }

    #[test]
    fn a_message_reads_back_byte_for_byte() {
        let offset = Offset { incarnation: Incarnation::of_disk(0xabc), index: 4 };
        for (kind, data) in [
            (ContentKind::Json, &b"{\"n\":\n1}"[..]),
            (ContentKind::Json, b"\"a\""),
            (ContentKind::Text, "h\u{e9}\n\u{2028}".as_bytes()),
            (ContentKind::Text, b"\xff"),
            (ContentKind::Bytes, b""),
        ] {
            let line = MessageLine { offset, time: TIME, data: Bytes::from_static(data) };
            let mut out = Vec::new();
            line.write(kind, &mut out);
            assert_eq!(out.iter().position(|byte| *byte == b'\n'), Some(out.len() - 1));
            assert_eq!(MessageLine::parse(&out[..out.len() - 1], kind).unwrap(), line);
        }
        assert!(MessageLine::parse(b"{}", ContentKind::Json).is_err());
    }
}
