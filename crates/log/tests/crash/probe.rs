//! Asks a log whether it remembers what was accepted with an identity. Only repetitions are asked, so that nothing
//! is staged.

use crate::model::{Model, ModelStream};
use crate::workload::{BODY_HASH, name};
use std::sync::Arc;
use tidings_log::{Identity, Log, Operation, Outcome, Producer, Publish, Refusal};
use tidings_model::Timestamp;

/// How many sequences back an offset is promised.
const SEQS_PROMISED: usize = 5;

pub(crate) fn remembers(log: &mut Log, model: &Model, now: Timestamp) -> Result<(), String> {
    for (text, stream) in model {
        for (id, (epoch, ends)) in &stream.producers {
            for (seq, end_index) in (0..).zip(ends).skip(ends.len().saturating_sub(SEQS_PROMISED)) {
                let producer = Producer { id: id.as_str().into(), epoch: *epoch, seq };
                repeats(log, text, Identity::Producer(producer), *end_index, now)?;
            }
        }
        for (key, end_index) in &stream.keys {
            let key = Identity::Key { key: key.as_str().into(), body_hash: BODY_HASH };
            repeats(log, text, key, *end_index, now)?;
        }
        remembers_seq(log, text, stream, now)?;
    }
    if log.staged_bytes() == 0 { Ok(()) } else { Err("a repetition was staged".into()) }
}

fn repeats(
    log: &mut Log,
    text: &str,
    identity: Identity,
    end_index: u64,
    now: Timestamp,
) -> Result<(), String> {
    let asked = format!("{text}: {identity:?}");
    match log.stage(Operation::Publish(publish(text, identity, None)), now) {
        Ok(Outcome::Published { tail: Some(tail), duplicate: true, .. }) if tail.index == end_index => Ok(()),
        other => Err(format!("{asked} was accepted at {end_index}, and gave {other:?}")),
    }
}

fn remembers_seq(log: &mut Log, text: &str, stream: &ModelStream, now: Timestamp) -> Result<(), String> {
    let Some(seq) = stream.seq.as_deref().filter(|_| !stream.closed) else {
        return Ok(());
    };
    match log.stage(Operation::Publish(publish(text, Identity::None, Some(seq.into()))), now) {
        Err(Refusal::SeqRegressed { last }) if *last == *seq => Ok(()),
        other => Err(format!("{text}: the sequence {seq} gave {other:?}")),
    }
}

fn publish(text: &str, identity: Identity, seq: Option<Arc<str>>) -> Publish {
    Publish {
        name: name(text),
        incarnation: None,
        create: None,
        content_type: None,
        messages: vec!["again".into()],
        seq,
        identity,
        close: false,
    }
}
