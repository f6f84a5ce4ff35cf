//! The table: that it fits, and what stands out in it.

use crate::sample;
use tidings_compare::{Findings, NoColours, Palette, Tone, write_table};

const COLUMNS_MAX: usize = 100;

fn plain(findings: &Findings) -> String {
    written(findings, &NoColours)
}

/// Each tone in brackets of its own.
fn marked(findings: &Findings) -> String {
    let brackets = |tone: Tone, text: &str| match tone {
        Tone::Plain | Tone::Head | Tone::Way(_) => text.to_owned(),
        Tone::Best => format!("[{text}]"),
        Tone::Good => format!("<{text}>"),
        Tone::Faint => format!("{{{text}}}"),
        Tone::Alarm => format!("!{text}!"),
    };
    written(findings, &brackets)
}

fn written(findings: &Findings, palette: &dyn Palette) -> String {
    let mut text = Vec::new();
    write_table(findings, palette, &mut text).expect("a vector takes any write");
    String::from_utf8(text).expect("it is text")
}

#[test]
fn it_fits_a_terminal() {
    for findings in [sample::findings(), sample::troubled(), sample::elsewhere()] {
        let text = plain(&findings);
        for line in text.lines().filter(|line| !line.contains("no verdict")) {
            let width = line.chars().count();
            assert!(width <= COLUMNS_MAX, "{width} columns: {line}");
        }
    }
}

#[test]
fn each_way_has_a_row_and_publishing_and_trouble_have_their_own() {
    let text = plain(&sample::troubled());
    for start in ["WebSocket", "SSE", "long poll ", "long poll, closing", "poll 1 s", "poll 5 s", "poll 30 s"]
    {
        let rows = text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(rows, if start == "WebSocket" { 3 } else { 2 }, "{start}: {text}");
    }
    assert!(text.lines().any(|line| line.starts_with("POST")), "{text}");
}

#[test]
fn the_best_of_a_column_stands_out_and_so_does_what_went_wrong() {
    let mut findings = sample::findings();
    findings.runs[1].lost = 2;
    findings.runs[3].bottleneck = Some("the machine was busy".to_owned());
    let text = marked(&findings);
    let line = |start: &str| {
        text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {text}"))
    };
    assert!(line("WebSocket").contains("[1.5 ms]"), "{text}");
    assert!(line("WebSocket").ends_with("<✓>"), "{text}");
    assert!(line("poll 30 s").contains("[0.043 %]"), "{text}");
    assert!(line("SSE").ends_with("!NO!") && text.contains("!SSE: 2 lost!"), "{text}");
    assert!(line("{long poll, closing¹}").contains("{1.3 KB}"), "{text}");
    assert!(text.contains("{¹ used in no verdict: the machine was busy}"), "{text}");
}

#[test]
fn what_was_not_measured_is_no_zero() {
    let text = plain(&sample::elsewhere());
    let line = text.lines().find(|line| line.starts_with("SSE")).unwrap();
    assert_eq!(line.matches('–').count(), 4, "empty requests, and three of the server: {line}");
    assert!(text.contains("– not measured"), "{text}");
}

#[test]
fn what_findings_say_is_no_command_for_a_terminal() {
    let mut findings = sample::findings();
    findings.runs[0].bottleneck = Some("\x1b[2Jbusy".to_owned());
    findings.publishing[0].how = "\x1b]0;x\x07POST".to_owned();
    let text = plain(&findings);
    assert!(
        text.contains("busy") && text.chars().all(|letter| letter == '\n' || !letter.is_control()),
        "{text:?}"
    );
}

#[test]
fn a_sweep_has_no_table() {
    assert_eq!(plain(&sample::sweep()), "");
}
