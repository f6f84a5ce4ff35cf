//! One stream in a snapshot.

use super::Location;
use super::config::{creation, put_creation};
use super::fields::{FieldReader, put_text, put_varint};
use crate::directory::{Directory, Identities, Rare, Record};
use crate::index::Index;
use crate::keys::Keys;
use crate::producers::{Producers, SEQS_KNOWN};
use crate::{Remembered, RememberedKey, RememberedProducer};
use std::sync::Arc;
use tidings_model::{Incarnation, Timestamp};

const FLAG_CLOSED: u8 = 1;
const FLAG_PRODUCERS: u8 = 2;
const FLAG_KEYS: u8 = 4;
const FLAG_SEQ: u8 = 8;

/// Appends a stream.
pub(crate) fn encode_record(record: &Record, out: &mut Vec<u8>) {
    encode_with(record, record.identities(), out);
}

/// Appends a stream without what was accepted with an identity: a mistake that a test plants.
pub(crate) fn encode_record_in_part(record: &Record, out: &mut Vec<u8>) {
    encode_with(record, None, out);
}

fn encode_with(record: &Record, identities: Option<&Identities>, out: &mut Vec<u8>) {
    let producers = identities.map(|it| &it.producers).filter(|it| !it.is_empty());
    let keys = identities.map(|it| &it.keys).filter(|it| !it.is_empty());
    let has = |some: bool, flag: u8| if some { flag } else { 0 };
    out.push(
        has(record.closed, FLAG_CLOSED)
            | has(producers.is_some(), FLAG_PRODUCERS)
            | has(keys.is_some(), FLAG_KEYS)
            | has(record.seq().is_some(), FLAG_SEQ),
    );
    out.extend_from_slice(&record.incarnation.to_bits().to_le_bytes());
    put_creation(out, record.name.as_str(), &record.config);
    let last = record.last.unwrap_or(Location { segment: 0, at: 0 });
    for number in [
        record.created.0,
        record.oldest.0,
        record.earliest_index,
        record.tail_index,
        record.bytes,
        u64::from(last.segment),
        u64::from(last.at),
    ] {
        put_varint(out, number);
    }
    if let Some(producers) = producers {
        put_varint(out, producers.count() as u64);
        for (id, epoch, seq, end_indexes) in producers.iter() {
            put_producer(out, id, [epoch, seq], end_indexes);
        }
    }
    if let Some(keys) = keys {
        put_varint(out, keys.count() as u64);
        for (key, body_hash, end_index, time) in keys.iter() {
            put_key(out, key, body_hash, [end_index, time.0]);
        }
    }
    if let Some(seq) = record.seq() {
        put_text(out, seq);
    }
}

fn put_producer(out: &mut Vec<u8>, id: &str, epoch_and_seq: [u64; 2], end_indexes: &[u64; SEQS_KNOWN]) {
    put_text(out, id);
    for number in epoch_and_seq.iter().chain(end_indexes) {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn put_key(out: &mut Vec<u8>, key: &str, body_hash: &[u8; 16], end_index_and_time: [u64; 2]) {
    put_text(out, key);
    out.extend_from_slice(body_hash);
    for number in end_index_and_time {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// Appends the body of a restore.
pub(super) fn put_remembered(out: &mut Vec<u8>, remembered: &Remembered) {
    let Remembered { producers, keys, seq } = remembered;
    let has = |some: bool, flag: u8| if some { flag } else { 0 };
    out.push(
        has(!producers.is_empty(), FLAG_PRODUCERS)
            | has(!keys.is_empty(), FLAG_KEYS)
            | has(seq.is_some(), FLAG_SEQ),
    );
    if !producers.is_empty() {
        put_varint(out, producers.len() as u64);
        for producer in producers {
            put_producer(out, &producer.id, [producer.epoch, producer.seq], &producer.slots());
        }
    }
    if !keys.is_empty() {
        put_varint(out, keys.len() as u64);
        for key in keys {
            put_key(out, &key.key, &key.body_hash, [key.end_index, key.time.0]);
        }
    }
    if let Some(seq) = seq {
        put_text(out, seq);
    }
}

/// The body of a restore.
pub(super) fn remembered(fields: &mut FieldReader<'_>) -> Option<Remembered> {
    let flags = fields.u8()?;
    if flags & !(FLAG_PRODUCERS | FLAG_KEYS | FLAG_SEQ) != 0 {
        return None;
    }
    let mut remembered = Remembered::default();
    if flags & FLAG_PRODUCERS != 0 {
        for _ in 0..fields.varint()? {
            let (id, epoch, seq, slots) = producer(fields)?;
            remembered.producers.push(RememberedProducer::from_slots(id, epoch, seq, &slots));
        }
    }
    if flags & FLAG_KEYS != 0 {
        for _ in 0..fields.varint()? {
            remembered.keys.push(key(fields)?);
        }
    }
    if flags & FLAG_SEQ != 0 {
        remembered.seq = Some(fields.text()?.into());
    }
    Some(remembered)
}

/// Takes the next stream from the front of `bytes`; `None` if it says what no stream says.
pub(crate) fn decode_record(bytes: &mut &[u8], directory: &mut Directory) -> Option<Record> {
    let mut fields = FieldReader(bytes);
    let flags = fields.u8()?;
    if flags & !(FLAG_CLOSED | FLAG_PRODUCERS | FLAG_KEYS | FLAG_SEQ) != 0 {
        return None;
    }
    let incarnation = Incarnation::from_bits(fields.u64()?)?;
    let (name, config) = creation(&mut fields)?;
    let (created, oldest) = (Timestamp(fields.varint()?), Timestamp(fields.varint()?));
    let (earliest_index, tail_index, bytes_kept) = (fields.varint()?, fields.varint()?, fields.varint()?);
    let last = Location {
        segment: u32::try_from(fields.varint()?).ok()?,
        at: u32::try_from(fields.varint()?).ok()?,
    };
    let mut identities = Identities::default();
    if flags & FLAG_PRODUCERS != 0 {
        identities.producers = producers(&mut fields)?;
    }
    if flags & FLAG_KEYS != 0 {
        identities.keys = keys(&mut fields)?;
    }
    let seq: Option<Arc<str>> = if flags & FLAG_SEQ != 0 { Some(fields.text()?.into()) } else { None };
    let identities = (flags & (FLAG_PRODUCERS | FLAG_KEYS) != 0).then(|| Box::new(identities));
    let rare = (identities.is_some() || seq.is_some())
        .then(|| Box::new(Rare { identities, seq, index: Index::default() }));
    *bytes = fields.0;
    (earliest_index <= tail_index).then(|| Record {
        name,
        incarnation,
        config: directory.share_config(config),
        created,
        earliest_index,
        tail_index,
        bytes: bytes_kept,
        oldest,
        last: (last.segment != 0).then_some(last),
        closed: flags & FLAG_CLOSED != 0,
        visible: true,
        doomed: false,
        since_checkpoint: 0,
        rare,
    })
}

fn producers(fields: &mut FieldReader<'_>) -> Option<Producers> {
    let mut producers = Producers::default();
    for _ in 0..fields.varint()? {
        let (id, epoch, seq, end_indexes) = producer(fields)?;
        producers.put(id, epoch, seq, end_indexes);
    }
    Some(producers)
}

fn producer(fields: &mut FieldReader<'_>) -> Option<(Arc<str>, u64, u64, [u64; SEQS_KNOWN])> {
    let id = fields.text()?.into();
    let (epoch, seq) = (fields.u64()?, fields.u64()?);
    let mut end_indexes = [0; SEQS_KNOWN];
    for end_index in &mut end_indexes {
        *end_index = fields.u64()?;
    }
    Some((id, epoch, seq, end_indexes))
}

fn keys(fields: &mut FieldReader<'_>) -> Option<Keys> {
    let mut keys = Keys::default();
    for _ in 0..fields.varint()? {
        let RememberedKey { key, body_hash, end_index, time } = key(fields)?;
        keys.put(key, body_hash, end_index, time);
    }
    Some(keys)
}

fn key(fields: &mut FieldReader<'_>) -> Option<RememberedKey> {
    let key = fields.text()?.into();
    let body_hash = fields.array()?;
    Some(RememberedKey { key, body_hash, end_index: fields.u64()?, time: Timestamp(fields.u64()?) })
}
