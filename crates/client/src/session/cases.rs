//! The cases that the sessions of all clients must pass: `conformance/session/cases`. The format is told there.

mod written;

use super::script::{Script, hello};
use super::{AttemptId, FramePage, Heard};
use crate::backoff::Chance;
use crate::{Timing, Via};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

#[test]
fn every_case_comes_out_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/session/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut failures = Vec::new();
    let mut count = 0;
    for file in files {
        for case in written::parse(&std::fs::read_to_string(&file).unwrap()).as_array().unwrap() {
            count += 1;
            if let Err(failure) = run(case) {
                failures.push(format!(
                    "{}: {}: {failure}",
                    file.file_name().unwrap().display(),
                    case["name"]
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases failed:\n{}", failures.len(), failures.join("\n"));
    assert!(0 < count, "there are no cases");
}

fn run(case: &Value) -> Result<(), String> {
    let mut script = begin(case.get("options"));
    let mut elapsed = Duration::ZERO;
    for (index, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
        let (verb, value) = step.as_object().and_then(|step| step.iter().next()).expect("a step");
        take(&mut script, &mut elapsed, verb, value)
            .map_err(|failure| format!("step {} ({step}): {failure}", index + 1))?;
    }
    Ok(())
}

fn begin(options: Option<&Value>) -> Script {
    let (mut via, mut random, mut timing) = (Via::Auto, 0.5, Timing::default());
    for (key, value) in options.and_then(Value::as_object).into_iter().flatten() {
        match key.as_str() {
            "via" => via = written::via(value),
            "random" => random = value.as_f64().expect("a number"),
            _ => written::set_option(&mut timing, key, value),
        }
    }
    Script::new(via, timing, Chance::Fixed(random))
}

fn take(script: &mut Script, elapsed: &mut Duration, verb: &str, value: &Value) -> Result<(), String> {
    // Streams that are wanted together are asked for together.
    if !matches!(verb, "want" | "drop") {
        script.pass(Duration::ZERO);
    }
    let now = script.now;
    let session = &mut script.session;
    match verb {
        "want" => {
            let wait = value["wait"].as_bool().unwrap_or(false);
            session.on_want(written::stream(&value["stream"]), written::start(&value["from"]), wait);
        }
        "drop" => session.on_drop(&written::stream(value)),
        "at" => {
            let at = written::ms(value);
            script.pass(at.checked_sub(*elapsed).expect("time goes on"));
            *elapsed = at;
        }
        "hear" => hear(script, &value[0], &value[1]),
        "hidden" if *value == true => session.on_hidden(),
        "hidden" => session.on_shown(now),
        "wake" => session.on_wake(now),
        "pause" => session.on_pause(now),
        "resume" => session.on_resume(now),
        "via" => session.on_via(written::via(value), now),
        "actions" => {
            let said: Vec<Value> = script.actions().iter().map(written::action).collect();
            return same(&Value::from(said), value);
        }
        "events" => {
            let told = script.stream_events();
            return same(&written::events(&told), value);
        }
        "status" => return same(&written::standpoint(session.standpoint()), value),
        _ => panic!("no such step: {verb}"),
    }
    Ok(())
}

fn same(found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("\n   expected {expected}\n   found    {found}")) }
}

fn hear(script: &mut Script, id: &Value, heard: &Value) {
    let id = AttemptId(id.as_u64().expect("a number"));
    let frames = || heard["frames"].as_array().into_iter().flatten().map(written::frame).collect();
    let heard = if !heard["lost"].is_null() {
        Heard::Lost(written::loss(heard))
    } else if !heard["hello"].is_null() {
        Heard::Frames(vec![hello(written::ms(&heard["hello"]))])
    } else if heard["page"].is_object() {
        let up_to_date = heard["page"]["up_to_date"].as_bool().unwrap_or(false);
        let poll_interval = heard["page"].get("interval").map(written::ms);
        Heard::Page(FramePage { frames: frames(), up_to_date, poll_interval })
    } else if heard["frames"].is_array() {
        Heard::Frames(frames())
    } else {
        Heard::Bytes
    };
    script.hear(id, heard);
}
