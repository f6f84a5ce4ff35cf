//! The page `docs/access.md`: what each request and frame is answered with each kind of token, as the server really answers.

use super::admin::administrator;
use super::certificates::{Known, SHOWN};
use super::frames::{Carrier, FRAMES, close_of, open};
use super::requests::{CASES, Case, JSON, ask};
use super::tokens::{KINDS, Kind, Verdict};
use super::{create, server};
use crate::wire::Wire;
use std::fmt::Write;
use tidings_testkit::{Server, Upgrade};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md");

/// Set by `cargo xtask access`: the page is written in place of being compared.
const WRITES: &str = "TIDINGS_TEST_WRITE_ACCESS_PAGE";

const INTRODUCTION: &str = "\
# Who may do what, request by request

Written by `cargo xtask access` from what the server really answers; a test compares it. The rules: [protocol](protocol.md#who-may-do-what).

What is asked concerns a stream that is there, and the *right* tokens and keys may do everything with it but administer. Where a cell says 401 or 403, the answer is the same in every byte where the stream is not there: that is tested for each of
them. 401 is `unauthenticated` and 403 `forbidden`, where no other code stands beside it. A frame that is refused with the connection (4401) is told so before it closes.
";

fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Nothing => "none",
        Kind::Garbage => "garbage",
        Kind::Unsigned => "unsigned",
        Kind::Expired => "expired",
        Kind::NotYet => "not yet",
        Kind::NoEnd => "without end",
        Kind::WrongKey => "wrong key",
        Kind::WrongAudience => "wrong audience",
        Kind::UnknownKey => "unknown API key",
        Kind::Revoked => "revoked",
        Kind::RevokedKey => "revoked API key",
        Kind::Narrow => "too narrow",
        Kind::NarrowKey => "too narrow API key",
        Kind::Full => "right",
        Kind::FullKey => "right API key",
    }
}

/// Requests that concern no stream, or many.
const OTHERS: [(&str, &str); 7] = [
    ("GET /v1/streams", ""),
    ("POST /v1/read", r#"{"streams":[{"stream":"mine/there"}]}"#),
    ("POST /v1/ticket", r#"{"read":["mine/there"]}"#),
    ("GET /v1/admin/me", ""),
    ("GET /v1/admin/revoke", ""),
    ("POST /v1/admin/revoke", r#"{"subject":"nobody"}"#),
    ("GET /health/live", ""),
];

struct Page<'s> {
    server: &'s Server,
    text: String,
    /// How many streams were made, so that what one request does to one changes nothing for the next.
    streams: usize,
}

impl Page<'_> {
    fn head(&mut self, title: &str, what: &str) {
        let kinds: Vec<_> = KINDS.into_iter().map(label).collect();
        let rule = "---|".repeat(kinds.len() + 1);
        let _always_fits = write!(self.text, "\n## {title}\n\n| {what} | {} |\n|{rule}\n", kinds.join(" | "));
    }

    fn row(&mut self, what: &str, mut cell: impl FnMut(&mut Self, Kind) -> String) {
        let cells: Vec<String> = KINDS.into_iter().map(|kind| cell(self, kind)).collect();
        let _always_fits = writeln!(self.text, "| {what} | {} |", cells.join(" | "));
    }

    /// A stream for this once, where it may change.
    fn stream(&mut self, kind: Kind) -> String {
        if kind.verdict() != Verdict::Permitted {
            return "mine/there".to_owned();
        }
        self.streams += 1;
        let name = format!("mine/page/{}", self.streams);
        create(self.server, &name);
        name
    }
}

fn cell(status: u16, code: &str) -> String {
    match (status, code) {
        (401, "unauthenticated") | (403, "forbidden") | (..=399, _) | (_, "") => status.to_string(),
        (_, code) => format!("{status} `{code}`"),
    }
}

fn requests(page: &mut Page<'_>) {
    page.head("Requests", "request");
    for case in &CASES {
        let line = case.line.replace("/v1/stream/@", "stream");
        let more = case.fields.trim_end().split("\r\n").filter(|field| !field.is_empty());
        let more: Vec<_> = more.filter(|field| !field.ends_with("application/json")).collect();
        let body = if case.body.is_empty() { "" } else { " with a message" };
        let fields = more.iter().fold(String::new(), |all, field| format!("{all}, `{field}`"));
        page.row(&format!("`{line}`{fields}{body}"), |page, kind| {
            let stream = page.stream(kind);
            let answer = ask(page.server, case, "", kind, &stream);
            // `HEAD` has no body that could say it.
            let code = if case.line.starts_with("HEAD") && 400 <= answer.status {
                kind.refusal()
            } else {
                answer.code()
            };
            cell(answer.status, &code)
        });
    }
    for (line, body) in OTHERS {
        page.row(&format!("`{line}`"), |page, kind| {
            let answer = super::admin::ask(page.server, line, &kind.field(), body);
            cell(answer.status, &answer.code())
        });
    }
    let administrator = super::admin::ask(page.server, "GET /v1/admin/me", &administrator(), "");
    assert_eq!(administrator.status, 200);
    let _always_fits =
        writeln!(page.text, "\nWith the right `admin` on `**`, what is below `/v1/admin/` is answered 200.");
}

fn frames(page: &mut Page<'_>) {
    page.head("Frames of a WebSocket", "frame, and how the token came");
    for (frame, _) in FRAMES {
        for (carrier, how) in [
            (Carrier::Header, "`Authorization`"),
            (Carrier::Subprotocol, "subprotocol"),
            (Carrier::Frame, "frame `auth`"),
        ] {
            let shown = frame.replace(r#""stream":"@","#, "");
            page.row(&format!("`{shown}`, {how}"), |page, kind| {
                let stream = page.stream(kind);
                match open(page.server, "/v1/ws", kind.token().as_deref(), carrier) {
                    Upgrade::Refused(answer) => cell(answer.status, &answer.code()),
                    Upgrade::Open(mut socket) => {
                        socket.send_text(&frame.replace('@', &stream)).expect("the server reads");
                        loop {
                            let told = socket.expect_json();
                            match told["type"].as_str() {
                                Some("hello" | "authenticated") => {}
                                Some("error") if told["stream"].is_null() => {
                                    let code = close_of(&mut socket).unwrap_or_default();
                                    let told = told["code"].as_str().unwrap_or_default();
                                    let is_usual = told == "unauthenticated";
                                    return if is_usual {
                                        code.to_string()
                                    } else {
                                        format!("{code} `{told}`")
                                    };
                                }
                                Some("error") => {
                                    return format!("`{}`", told["code"].as_str().unwrap_or_default());
                                }
                                other => return other.unwrap_or_default().to_owned(),
                            }
                        }
                    }
                }
            });
        }
    }
}

/// Whether nothing special is asked, and the answer has room for a code.
fn is_plain(case: &Case) -> bool {
    !case.line.starts_with("HEAD") && matches!(case.fields, "" | JSON)
}

/// What is asked over a connection that has shown a certificate, for some of the requests.
fn certificates(text: &mut String) {
    let known = Known::start("");
    let labels: Vec<_> = SHOWN.into_iter().map(|(label, ..)| label).collect();
    let rule = "---|".repeat(labels.len() + 1);
    let _always_fits = write!(
        text,
        "\n## Certificates of clients\n\nOver TLS, with `tls_client_ca_file` and `tls_client_optional`; the page of another origin is one that the server was not told of.\n\n\
         | request | {} |\n|{rule}\n",
        labels.join(" | "),
    );
    for (number, case) in CASES.iter().filter(|case| is_plain(case)).enumerate() {
        let line = case.line.replace("/v1/stream/@", "stream");
        let body = if case.body.is_empty() { "" } else { " with a message" };
        let cells = SHOWN.into_iter().enumerate().map(|(place, (_, name, beside))| {
            let stream = format!("mine/certificate/{number}/{place}");
            create(&known.server, &stream);
            let answer = known.ask(case, (name, beside), &stream);
            cell(answer.status, &answer.code())
        });
        let cells: Vec<_> = cells.collect();
        let _always_fits = writeln!(text, "| `{line}`{body} | {} |", cells.join(" | "));
    }
}

#[test]
fn the_page_says_what_the_server_answers() {
    let server = server();
    let mut page = Page { server: &server, text: INTRODUCTION.to_owned(), streams: 0 };
    requests(&mut page);
    frames(&mut page);
    certificates(&mut page.text);
    // Nobody's connection is left open behind it.
    assert_eq!(Wire::connect(&server).ask(crate::requests::get("/health/live")).status, 200);
    if std::env::var_os(WRITES).is_some() {
        std::fs::write(PAGE, &page.text).expect("the page can be written");
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        written == page.text,
        "docs/access.md is not what the server answers: `cargo xtask access` writes it anew\n{}",
        page.text
    );
}
