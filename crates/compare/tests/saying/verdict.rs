//! The verdict: what it says of findings whose answer is known, and what it never says of any.

use crate::sample;
use proptest::prelude::*;
use tidings_compare::{Findings, Run, Way, cheapest, verdict};

/// Findings in which each way costs what is said here, in parts of a core, and all are early.
fn costing(costs: &[(Way, f64)]) -> Findings {
    let mut findings = sample::findings();
    findings.publishing_alone = None;
    findings.publishing.clear();
    findings.runs = costs.iter().map(|&(way, core)| costly(way, core)).collect();
    findings
}

fn costly(way: Way, core: f64) -> Run {
    let mut run = sample::run(Some(way), 500, 2.0);
    let server = run.server.as_mut().expect("the sample measures the server");
    server.cpu_s = core * run.measured_s;
    run
}

fn poll(every_s: f64) -> Way {
    Way::Poll { every_s }
}

#[test]
fn the_cheapest_is_chosen_and_the_others_stand_beside_it() {
    let findings =
        costing(&[(Way::WebSocket, 0.02), (Way::LongPoll, 0.062), (Way::Sse, 0.03), (poll(5.0), 0.005)]);
    let verdict = verdict(&findings);
    assert!(
        verdict[0].starts_with("Choose WebSocket: for 500 followers and 2 messages a second, of the ways that deliver 99 % of the messages within 1 s it is the cheapest, with 2 % of a core."),
        "{}",
        verdict[0]
    );
    assert!(
        verdict[1].starts_with("Long polling costs 3.1 times the CPU of WebSocket, with"),
        "{}",
        verdict[1]
    );
    assert!(verdict[2].starts_with("SSE costs 50 % more CPU than WebSocket"), "{}", verdict[2]);
    assert!(verdict[3].starts_with("Polling every 5 s saves 75 % of the CPU of WebSocket"), "{}", verdict[3]);
    assert!(verdict[3].contains("and is 2.5 s late"), "{}", verdict[3]);
}

#[test]
fn what_costs_the_same_goes_to_the_simplest() {
    let findings = costing(&[(Way::WebSocket, 0.0200), (Way::Sse, 0.0215), (Way::LongPoll, 0.04)]);
    let verdict = verdict(&findings);
    assert!(verdict[0].starts_with("Choose SSE"), "{}", verdict[0]);
    assert!(verdict[0].contains("WebSocket the same, and it is the simplest of them"), "{}", verdict[0]);
    assert!(verdict[1].starts_with("WebSocket takes the same CPU as SSE"), "{}", verdict[1]);
}

#[test]
fn what_nobody_can_feel_is_the_same() {
    let findings = costing(&[(Way::WebSocket, 0.000_01), (Way::LongPoll, 0.000_3)]);
    let verdict = verdict(&findings);
    assert!(verdict[0].starts_with("Choose long polling"), "{}", verdict[0]);
    assert!(verdict[1].starts_with("WebSocket takes the same CPU as long polling"), "{}", verdict[1]);
}

#[test]
fn a_way_that_loses_is_told_first_and_never_chosen() {
    let mut findings = costing(&[(Way::WebSocket, 0.01), (Way::Sse, 0.02), (Way::LongPoll, 0.04)]);
    findings.runs[0].lost = 3;
    findings.runs[0].repeated = 1;
    let verdict = verdict(&findings);
    assert_eq!(
        verdict[0],
        "WARNING: for 500 followers and 2 messages a second, WebSocket LOST 3 messages of 30,000 and delivered 1 message again. Find out why before you use it."
    );
    assert!(
        verdict[1].starts_with("Choose SSE: for 500 followers and 2 messages a second, of the ways that can be judged and deliver"),
        "{}",
        verdict[1]
    );
    assert!(verdict[2..].iter().all(|sentence| !sentence.contains("WebSocket")), "{verdict:#?}");
}

#[test]
fn where_all_are_late_the_earliest_is_named() {
    let mut findings = costing(&[(poll(5.0), 0.01), (poll(30.0), 0.005)]);
    findings.late_ms = 500.0;
    assert_eq!(
        verdict(&findings)[0],
        "No way that could be judged delivers 99 % of the messages within 500 ms: the earliest is polling every 5 s, with 99 % within 5 s."
    );
}

#[test]
fn a_server_elsewhere_is_judged_by_bytes() {
    let verdict = sample::elsewhere().verdict;
    assert!(verdict[0].starts_with("Choose SSE"), "{}", verdict[0]);
    assert!(verdict[0].contains("the server's CPU is not measured"), "{}", verdict[0]);
    assert!(
        verdict[1].starts_with(
            "Long polling moves 2.3 times the bytes of SSE, with 1,000 requests a second in place of 0"
        ),
        "{}",
        verdict[1]
    );
    assert!(verdict.iter().all(|sentence| !sentence.contains("core")), "{verdict:#?}");
}

#[test]
fn a_few_pages_of_memory_are_no_sentence() {
    let mut findings = sample::findings();
    let tells =
        |findings: &Findings| verdict(findings).iter().any(|sentence| sentence.contains("780 B (WebSocket)"));
    assert!(tells(&findings));
    for run in &mut findings.runs {
        (run.followers, run.server.as_mut().unwrap().followers_bytes) = (50, 50 * 780);
    }
    assert!(!tells(&findings));
}

#[test]
fn nothing_at_all_is_no_verdict() {
    let mut findings = costing(&[]);
    assert_eq!(verdict(&findings), [""; 0]);
    findings.runs = vec![costly(Way::Sse, 0.1)];
    findings.runs[0].bottleneck = Some("the machine was busy".to_owned());
    assert_eq!(
        verdict(&findings),
        [
            "No choice follows: no run was whole and limited by nothing but the server.",
            "Not used here: SSE (the machine was busy)."
        ]
    );
}

#[test]
fn one_reason_for_all_is_told_once_and_spares_publishing_nothing() {
    let mut findings = sample::findings();
    for (index, run) in findings.runs.iter_mut().enumerate() {
        run.bottleneck = Some(format!("other programs used 1.{index} processors"));
    }
    let verdict = verdict(&findings);
    assert_eq!(
        verdict,
        [
            "No choice follows: no run was whole and limited by nothing but the server.",
            "Not used here: WebSocket, SSE, long polling, long polling that closes, polling every 1 s, polling every 5 s and polling every 30 s (other programs used 1.0 processors)."
        ]
    );
}

#[test]
fn trouble_says_who_is_whole_first_and_last() {
    let verdict = sample::troubled().verdict;
    let from = verdict.iter().position(|sentence| sentence.starts_with("After the trouble")).unwrap();
    assert!(
        verdict[from].starts_with("After the trouble WebSocket is whole again first: half"),
        "{}",
        verdict[from]
    );
    assert!(verdict[from + 1].starts_with("Last is polling every 30 s: half"), "{}", verdict[from + 1]);
    assert!(
        verdict[from + 2].ends_with("with WebSocket: 3,000 a second at its peak."),
        "{}",
        verdict[from + 2]
    );
}

#[test]
fn a_sweep_is_told_row_by_row() {
    let verdict = sample::sweep().verdict;
    assert_eq!(verdict.len(), 7, "{verdict:#?}");
    assert_eq!(
        verdict[3],
        "At 1 message a second: polling every 1 s up to 50 followers and SSE from 200 on."
    );
    assert_eq!(
        verdict[6],
        "Not used here: 8 of the 175 runs, in which something else than the server was the limit."
    );
}

/// Any run: of any way, early or late, cheap or dear, whole or not, a measurement or not.
fn any_run(way: Way) -> impl Strategy<Value = Run> {
    let wrongs = (prop_oneof![4 => Just(0_u64), 1 => 1_u64..9], prop_oneof![4 => Just(0_u64), 1 => 1_u64..9]);
    let numbers = (0.000_01..1.0_f64, 0.1..5_000.0_f64, 1_u64..5_000_000, any::<bool>(), 0_u64..3_000);
    (wrongs, numbers, prop_oneof![3 => Just(None), 1 => Just(Some("the machine was busy".to_owned()))])
        .prop_map(move |((lost, reordered), (core, p99_ms, bytes, is_measured, empty), bottleneck)| {
            let mut run = costly(way, core);
            run.latency.p99_ms = p99_ms;
            run.latency.p50_ms = p99_ms / 2.0;
            (run.lost, run.reordered, run.bottleneck) = (lost, reordered, bottleneck);
            run.received_bytes = bytes;
            run.empty_requests = empty.min(run.requests);
            if !is_measured && core < 0.05 {
                run.server = None;
            }
            run
        })
}

fn any_findings() -> impl Strategy<Value = Findings> {
    let runs = sample::WAYS.into_iter().map(any_run).collect::<Vec<_>>();
    (runs, prop::sample::subsequence((0..7).collect::<Vec<_>>(), 0..=7), 1.0..6_000.0_f64).prop_map(
        |(runs, chosen, late_ms)| {
            let mut findings = costing(&[]);
            findings.runs = chosen.into_iter().map(|index: usize| runs[index].clone()).collect();
            findings.late_ms = late_ms;
            findings
        },
    )
}

/// The runs that a sentence names; `long polling that closes` is not `long polling`.
fn named<'a>(sentence: &str, runs: &'a [Run]) -> Vec<&'a Run> {
    let sentence = sentence.to_lowercase();
    let names = |way: Way| {
        let name = way.in_prose().to_lowercase();
        let bare = sentence.replace("long polling that closes", "*");
        if way == Way::LongPollClosing { sentence.contains(&name) } else { bare.contains(&name) }
    };
    runs.iter().filter(|run| run.way.is_some_and(names)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_sentence_says_what_the_numbers_do_not(findings in any_findings()) {
        let sentences = verdict(&findings);
        let judging = |sentence: &&String| !sentence.starts_with("WARNING") && !sentence.starts_with("Not used here");
        for sentence in sentences.iter().filter(judging) {
            for run in named(sentence, &findings.runs) {
                prop_assert!(run.bottleneck.is_none(), "it names a run with a bottleneck: {sentence}");
                prop_assert!(run.is_whole(), "it names a run that lost: {sentence}");
            }
        }
        for run in &findings.runs {
            let is_named = |start: &str| sentences.iter().any(|sentence| sentence.starts_with(start) && named(sentence, std::slice::from_ref(run)).len() == 1);
            prop_assert_eq!(!run.is_whole(), is_named("WARNING"));
            prop_assert_eq!(run.bottleneck.is_some(), is_named("Not used here"));
        }
    }

    #[test]
    fn the_choice_is_whole_early_and_no_dearer_than_any_other(findings in any_findings()) {
        let suits = |run: &&Run| run.bottleneck.is_none() && run.is_whole() && run.latency.p99_ms <= findings.late_ms;
        let suitable: Vec<&Run> = findings.runs.iter().filter(suits).collect();
        let Some(choice) = cheapest(&findings.runs, findings.late_ms) else {
            prop_assert!(suitable.is_empty());
            return Ok(());
        };
        let choice = &findings.runs[choice];
        prop_assert!(suits(&choice));
        let sentence = verdict(&findings).into_iter().find(|sentence| sentence.starts_with("Choose ")).unwrap();
        let name = choice.way.unwrap().in_prose();
        prop_assert!(sentence.starts_with(&format!("Choose {name}: ")), "{sentence}");
        if suitable.iter().all(|run| run.server.is_some()) {
            let core = choice.cpu_of_a_core().unwrap();
            for run in suitable {
                let other = run.cpu_of_a_core().unwrap();
                prop_assert!(core <= (other * 1.4).max(other + 0.000_5) + 1e-12, "{core} of a core, and {other} for {:?}", run.way);
            }
        }
    }

    #[test]
    fn ratios_are_right(findings in any_findings()) {
        let core = |name: &str| {
            let is_it = |run: &&Run| run.way.is_some_and(|way| way.in_prose().eq_ignore_ascii_case(name));
            findings.runs.iter().find(is_it).and_then(Run::cpu_of_a_core).unwrap()
        };
        for sentence in verdict(&findings) {
            let Some((way, than, told)) = claim(&sentence) else { continue };
            let real = core(way) / core(than);
            prop_assert!(0.4 < (real - 1.0).abs() * 1.41, "it is the same: {sentence} {real}");
            // Two digits are told: of the ratio, of what is more, or of what is saved.
            let told_part = if told < 1.0 { 1.0 - told } else if told < 2.0 { told - 1.0 } else { told };
            let real_part = if told < 1.0 { 1.0 - real } else if told < 2.0 { real - 1.0 } else { real };
            prop_assert!((told_part / real_part - 1.0).abs() < 0.051, "{sentence} {real}");
        }
    }
}

/// The ratio that a number in a sentence stands for.
type Ratio = fn(f64) -> f64;

/// Which way a sentence compares with which, and the ratio of their costs as it says.
fn claim(sentence: &str) -> Option<(&str, &str, f64)> {
    let forms: [(&str, &str, Ratio); 3] = [
        (" costs ", " times the CPU of ", |times| times),
        (" costs ", " % more CPU than ", |percent| 1.0 + percent / 100.0),
        (" saves ", " % of the CPU of ", |percent| 1.0 - percent / 100.0),
    ];
    forms.iter().find_map(|(verb, noun, ratio)| {
        let (way, rest) = sentence.split_once(verb)?;
        let (number, rest) = rest.split_once(noun)?;
        let than = rest.split([',', ';']).next()?.trim_end_matches('.');
        let number = number.replace(',', "").replace('−', "-").replace("more than 99", "99.75");
        Some((way, than, ratio(number.parse().expect("it says how much"))))
    })
}

#[test]
fn claims_are_understood() {
    assert_eq!(
        claim("Long polling costs 3.1 times the CPU of SSE, with"),
        Some(("Long polling", "SSE", 3.1))
    );
    assert_eq!(claim("SSE costs 50 % more CPU than WebSocket."), Some(("SSE", "WebSocket", 1.5)));
    assert_eq!(
        claim("SSE saves 25 % of the CPU of polling every 0.5 s;"),
        Some(("SSE", "polling every 0.5 s", 0.75))
    );
}
