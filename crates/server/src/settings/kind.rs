//! The kinds of values that settings take, and how each is read from text.

use super::asking::{AskUrl, Events, WhenDown};
use super::byte_size::parse_bytes;
use super::duration::parse_duration;
use super::policy::WhenBehind;
use super::{EventLoop, LogFormat, LogLevel, Networks, OtlpEndpoint, Sends};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tidings_model::{Durability, Pattern};
use tidings_protocol::ForwardedField;

/// A kind of value: how its text is read, and what a person is told to write.
pub(super) struct Kind<T> {
    /// One word for tables of documentation.
    pub(super) name: &'static str,
    /// Goes on after "write ".
    pub(super) advice: &'static str,
    /// Reads the text.
    pub(super) parse: fn(&str) -> Result<T, InvalidValue>,
    /// How much a value is, to be held against a [`Range`](super::Range); zero for kinds without order.
    pub(super) amount: fn(&T) -> u128,
}

/// What is wrong with the text of a value: "has no unit". It goes on after the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidValue {
    reason: String,
}

impl InvalidValue {
    pub(super) fn new(reason: impl Into<String>) -> InvalidValue {
        InvalidValue { reason: reason.into() }
    }
}

pub(super) const DURATION: Kind<Duration> = Kind {
    name: "duration",
    advice: "whole numbers with units, such as `30s`, `500ms`, `1h30m` or `7d`",
    parse: parse_duration,
    amount: Duration::as_nanos,
};

pub(super) const DURATION_OR_NONE: Kind<Option<Duration>> = Kind {
    name: "duration",
    advice: "whole numbers with units, such as `7d` or `12h`, or nothing",
    parse: |text| if text.is_empty() { Ok(None) } else { parse_duration(text).map(Some) },
    amount: |duration| duration.map_or(0, |duration| duration.as_nanos()),
};

pub(super) const URL_OR_NONE: Kind<Option<AskUrl>> = Kind {
    name: "url",
    advice: "`https://…`, or `http://…` to an address of this machine, or nothing",
    parse: |text| if text.is_empty() { Ok(None) } else { AskUrl::parse(text).map(Some) },
    amount: |_| 0,
};

pub(super) const EVENTS: Kind<Events> = Kind {
    name: "words",
    advice: "some of `connect`, `read` and `publish`, with commas between them",
    parse: Events::parse,
    amount: |_| 0,
};

pub(super) const WHEN_DOWN: Kind<WhenDown> =
    Kind { name: "word", advice: "`refuse` or `allow`", parse: WhenDown::parse, amount: |_| 0 };

pub(super) const BYTES: Kind<usize> = Kind {
    name: "bytes",
    advice: "a number of bytes, or of KiB, MiB or GiB, such as `64KiB` or `8 MiB`",
    parse: parse_bytes,
    amount: |bytes| *bytes as u128,
};

pub(super) const COUNT: Kind<usize> = Kind {
    name: "integer",
    advice: "a whole number, such as `1000`",
    parse: |text| text.trim().parse().map_err(|_| InvalidValue::new("is not a whole number")),
    amount: |count| *count as u128,
};

pub(super) const PATH: Kind<PathBuf> = Kind {
    name: "path",
    advice: "the path of a folder",
    parse: |text| if text.is_empty() { Err(InvalidValue::new("is empty")) } else { Ok(PathBuf::from(text)) },
    amount: |_| 0,
};

pub(super) const FILE_OR_NONE: Kind<Option<PathBuf>> = Kind {
    name: "path",
    advice: "the path of a file, or nothing",
    parse: |text| Ok((!text.is_empty()).then(|| PathBuf::from(text))),
    amount: |_| 0,
};

pub(super) const FILES: Kind<Vec<PathBuf>> = Kind {
    name: "paths",
    advice: "the path of a file, or several with commas between them, or nothing",
    parse: |text| {
        let paths: Vec<_> = text.split(',').map(|path| PathBuf::from(path.trim())).collect();
        let is_none = text.trim().is_empty();
        if !is_none && paths.iter().any(|path| path.as_os_str().is_empty()) {
            return Err(InvalidValue::new("has nothing between two commas"));
        }
        Ok(if is_none { Vec::new() } else { paths })
    },
    amount: |_| 0,
};

pub(super) const NAMES: Kind<Vec<String>> = Kind {
    name: "names",
    advice: "the name of a host, or several with commas between them, or nothing",
    parse: |text| {
        let names: Vec<_> = text.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
        let is_host = |name: &String| {
            name.contains('.')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        };
        match names.iter().find(|name| !is_host(name)) {
            _ if text.trim().is_empty() => Ok(Vec::new()),
            Some(_) => Err(InvalidValue::new("is no name of a host that others can find")),
            None => Ok(names),
        }
    },
    amount: |_| 0,
};

pub(super) const TEXT: Kind<String> = Kind {
    name: "text",
    advice: "a text",
    parse: |text| if text.is_empty() { Err(InvalidValue::new("is empty")) } else { Ok(text.to_owned()) },
    amount: |_| 0,
};

pub(super) const TEXT_OR_NONE: Kind<Option<String>> = Kind {
    name: "text",
    advice: "a text, or nothing",
    parse: |text| Ok((!text.is_empty()).then(|| text.to_owned())),
    amount: |_| 0,
};

pub(super) const COOKIE_NAME_OR_NONE: Kind<Option<String>> = Kind {
    name: "text",
    advice: "the name of a cookie, such as `__Host-tidings`, or nothing",
    parse: |text| {
        let is_name =
            text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte));
        if is_name {
            Ok((!text.is_empty()).then(|| text.to_owned()))
        } else {
            Err(InvalidValue::new("is no name of a cookie"))
        }
    },
    amount: |_| 0,
};

pub(super) const ADDRESS: Kind<SocketAddr> = Kind {
    name: "address",
    advice: "an IP address and a port, such as `127.0.0.1:4437` or `[::]:4437`",
    parse: |text| text.parse().map_err(|_| InvalidValue::new("is not an address")),
    amount: |_| 0,
};

pub(super) const ADDRESS_OR_NONE: Kind<Option<SocketAddr>> = Kind {
    name: "address",
    advice: "an IP address and a port, such as `127.0.0.1:9001`, or nothing",
    parse: |text| if text.is_empty() { Ok(None) } else { (ADDRESS.parse)(text).map(Some) },
    amount: |_| 0,
};

pub(super) const NETWORKS: Kind<Networks> = Kind {
    name: "networks",
    advice: "addresses and networks with commas between, such as `10.0.0.7, 192.168.0.0/16, fd00::/8`, or nothing",
    parse: Networks::parse,
    amount: |_| 0,
};

pub(super) const FORWARDED_FIELD: Kind<ForwardedField> = Kind {
    name: "word",
    advice: "`x-forwarded-for` or `forwarded`",
    parse: |text| {
        ForwardedField::parse(text).ok_or_else(|| InvalidValue::new("is no header that names a client"))
    },
    amount: |_| 0,
};

pub(super) const DURABILITY: Kind<Durability> = Kind {
    name: "word",
    advice: "`disk` or `memory`",
    parse: |text| Durability::parse(text).ok_or_else(|| InvalidValue::new("is not a durability")),
    amount: |_| 0,
};

pub(super) const WHEN_BEHIND: Kind<WhenBehind> = Kind {
    name: "word",
    advice: "`catch-up` or `latest`",
    parse: |text| match text {
        "catch-up" => Ok(WhenBehind::CatchUp),
        "latest" => Ok(WhenBehind::Latest),
        _ => Err(InvalidValue::new("is no rule for followers that stay behind")),
    },
    amount: |_| 0,
};

pub(super) const OTLP_ENDPOINT_OR_NONE: Kind<Option<OtlpEndpoint>> = Kind {
    name: "address",
    advice: "the address of a collector, such as `http://127.0.0.1:4318`, or nothing",
    parse: |text| if text.is_empty() { Ok(None) } else { OtlpEndpoint::parse(text).map(Some) },
    amount: |_| 0,
};

pub(super) const LOG_FORMAT: Kind<LogFormat> = Kind {
    name: "log format",
    advice: "`text` or `json`",
    parse: |text| LogFormat::parse(text).ok_or_else(|| InvalidValue::new("is neither of them")),
    amount: |_| 0,
};

pub(super) const LOG_LEVEL: Kind<LogLevel> = Kind {
    name: "word",
    advice: "`error`, `warn`, `info` or `debug`",
    parse: |text| LogLevel::parse(text).ok_or_else(|| InvalidValue::new("is not a log level")),
    amount: |_| 0,
};

pub(super) const EVENT_LOOP: Kind<EventLoop> = Kind {
    name: "word",
    advice: "`auto`, `epoll` or `portable`",
    parse: |text| EventLoop::parse(text).ok_or_else(|| InvalidValue::new("is not an event loop")),
    amount: |_| 0,
};

pub(super) const SENDS: Kind<Sends> = Kind {
    name: "word",
    advice: "`auto`, `io-uring` or `send`",
    parse: |text| Sends::parse(text).ok_or_else(|| InvalidValue::new("is not a way to send")),
    amount: |_| 0,
};

pub(super) const SWITCH: Kind<bool> = Kind {
    name: "boolean",
    advice: "`true` or `false`",
    parse: |text| text.parse().map_err(|_| InvalidValue::new("is neither `true` nor `false`")),
    amount: |_| 0,
};

pub(super) const PATTERN: Kind<Pattern> = Kind {
    name: "pattern",
    advice: "a stream name in which `*` is one segment and `**` any number, such as `orders/*`",
    parse: |text| {
        Pattern::parse(text).map_err(|invalid| InvalidValue::new(format!("is no pattern ({invalid})")))
    },
    amount: |_| 0,
};
