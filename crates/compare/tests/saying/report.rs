//! The report: complete, safe and small. How it looks is checked in Chromium, by `tests/report.test.mjs`.

use crate::sample;
use tidings_compare::{Chart, Findings, Second, UnreadableFindings, write_chart, write_report};

const BYTES_MAX: usize = 1_000_000;

fn report(findings: &Findings) -> String {
    let mut text = Vec::new();
    write_report(findings, &mut text).expect("a vector takes any write");
    String::from_utf8(text).expect("it is text")
}

fn chart(findings: &Findings, chart: Chart) -> String {
    let mut text = Vec::new();
    write_chart(findings, chart, &mut text).expect("a vector takes any write");
    String::from_utf8(text).expect("it is text")
}

/// As large as it becomes: every run with an hour of seconds, and a note to each.
fn large() -> Findings {
    let mut findings = sample::troubled();
    let hour = vec![Second { requests: 123_456, received_bytes: 123_456_789, ..Second::default() }; 3_600];
    for run in findings.runs.iter_mut().chain(&mut findings.sides).chain(&mut findings.troubled) {
        run.seconds.clone_from(&hour);
        run.bottleneck =
            Some("the followers' thread was busy 93 % of the time: fewer followers or messages".to_owned());
    }
    findings.sweep = sample::sweep().sweep;
    findings
}

#[test]
fn it_is_small_and_loads_nothing() {
    for findings in [sample::findings(), sample::troubled(), sample::elsewhere(), sample::sweep(), large()] {
        let text = report(&findings);
        assert!(text.len() < BYTES_MAX, "{} bytes", text.len());
        for loading in ["<script", "<img", "<link rel=\"style", "src=", "@import", "url(http", "javascript:"]
        {
            assert!(!text.contains(loading), "{loading}");
        }
    }
}

#[test]
fn every_chart_has_a_name_a_reading_and_its_data() {
    let findings = Findings { sweep: sample::sweep().sweep, ..sample::troubled() };
    let text = report(&findings);
    for chart in Chart::ALL {
        assert!(chart.is_in(&findings), "{chart:?}");
        let name = chart.name();
        for part in ["title", "desc"] {
            assert_eq!(text.matches(&format!("id=\"{name}-{part}\"")).count(), 1, "{name}");
        }
    }
    assert_eq!(text.matches("<figure>").count(), Chart::ALL.len());
    assert_eq!(text.matches("<summary>The same as a table</summary>").count(), Chart::ALL.len());
}

#[test]
fn what_is_not_there_has_no_part() {
    let text = report(&sample::elsewhere());
    for absent in ["id=\"map\"", "id=\"trouble\"", "id=\"cost\"", "memory-title"] {
        assert!(!text.contains(absent), "{absent}");
    }
    assert!(text.contains("not measured"));
}

#[test]
fn texts_from_outside_are_text() {
    let evil = "<script>alert(1)</script>\"' onload=x";
    let mut findings = sample::troubled();
    findings.server.name = evil.to_owned();
    findings.command = evil.to_owned();
    findings.tidings = evil.to_owned();
    findings.taken = evil.to_owned();
    findings.notes = vec![evil.to_owned()];
    findings.verdict = vec![evil.to_owned()];
    findings.runs[0].bottleneck = Some(evil.to_owned());
    findings.publishing[0].how = evil.to_owned();
    findings.clients[0].way = evil.to_owned();
    findings.clients[0].language = evil.to_owned();
    findings.clients[0].file = evil.to_owned();
    findings.machine.processor = evil.to_owned();
    assert!(!report(&findings).contains("<script"));
    for each in Chart::ALL {
        assert!(!chart(&findings, each).contains("<script"), "{each:?}");
    }
}

#[test]
fn a_run_that_is_used_in_no_verdict_is_marked_and_has_its_reason() {
    let text = report(&sample::troubled());
    assert!(text.contains("<tr class=\"unused\"><th scope=\"row\">long polling, closing *</th>"));
    assert!(text.contains("<p>* long polling, closing: the followers&#39; thread was busy 93 % of the time"));
    assert!(text.contains("long poll, closing (not used)"));
}

#[test]
fn findings_of_nothing_make_a_report_and_charts_too() {
    let mut findings = sample::findings();
    findings.runs.clear();
    findings.sides.clear();
    findings.publishing.clear();
    findings.clients.clear();
    findings.verdict.clear();
    assert!(report(&findings).contains("Nothing follows from these figures."));
    for each in Chart::ALL {
        assert!(!each.is_in(&findings), "{each:?}");
        assert!(chart(&findings, each).starts_with("<svg"));
    }
}

#[test]
fn runs_in_which_nothing_happened_make_a_report_too() {
    let mut findings = sample::findings();
    for run in findings.runs.iter_mut().chain(&mut findings.sides) {
        (run.delivered, run.requests, run.sent_bytes, run.received_bytes, run.measured_s) = (0, 0, 0, 0, 0.0);
        run.latency = tidings_compare::Distribution::default();
        run.seconds.clear();
    }
    let text = report(&findings);
    for wrong in ["NaN", "inf\"", ">inf"] {
        assert!(!text.contains(wrong), "{wrong}");
    }
}

#[test]
fn who_has_the_json_has_the_report_and_another_format_is_refused() {
    let findings = sample::troubled();
    let text = serde_json::to_string(&findings).unwrap();
    assert!(report(&Findings::from_json(&text).unwrap()) == report(&findings));
    let other = text.replacen("\"format\":1", "\"format\":2", 1);
    let refusal = Findings::from_json(&other).unwrap_err();
    assert!(matches!(refusal, UnreadableFindings::OtherFormat { found: 2 }));
    assert_eq!(
        refusal.to_string(),
        "these findings are of format 2, and this tidings reads format 1: use the tidings that wrote them, or measure again"
    );
    let damaged = Findings::from_json(&text[..text.len() / 2]).unwrap_err();
    assert!(
        damaged.to_string().starts_with("this is not what `tidings compare --json` writes:"),
        "{damaged}"
    );
}
