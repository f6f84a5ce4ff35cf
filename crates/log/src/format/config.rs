//! The name and config of a stream, as the entry of its creation holds them.

use super::fields::{FieldReader, put_text};
use std::time::Duration;
use tidings_model::{ContentType, Durability, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

const FOREVER: u8 = 0;
const TTL: u8 = 1;
const UNTIL: u8 = 2;

const HAS_AGE: u8 = 1;
const HAS_BYTES: u8 = 2;
const HAS_COUNT: u8 = 4;

const DURABILITY_UNSAID: u8 = 0;
const DURABILITY_DISK: u8 = 1;
const DURABILITY_MEMORY: u8 = 2;

pub(super) fn put_creation(out: &mut Vec<u8>, name: &str, config: &StreamConfig) {
    put_text(out, name);
    put_text(out, config.content_type.as_str());
    put_lifetime(out, &config.lifetime);
    put_retention(out, config.retention);
    out.push(match config.durability {
        None => DURABILITY_UNSAID,
        Some(Durability::Disk) => DURABILITY_DISK,
        Some(Durability::Memory) => DURABILITY_MEMORY,
    });
}

pub(super) fn creation(fields: &mut FieldReader<'_>) -> Option<(StreamName, StreamConfig)> {
    let name = StreamName::parse(fields.text()?).ok()?;
    let content_type = ContentType::parse(fields.text()?).ok()?;
    let lifetime = lifetime(fields)?;
    let retention = retention(fields)?;
    let durability = match fields.u8()? {
        DURABILITY_UNSAID => None,
        DURABILITY_DISK => Some(Durability::Disk),
        DURABILITY_MEMORY => Some(Durability::Memory),
        _ => return None,
    };
    Some((name, StreamConfig { content_type, lifetime, retention, durability }))
}

fn put_lifetime(out: &mut Vec<u8>, lifetime: &Lifetime) {
    match lifetime {
        Lifetime::Forever => out.push(FOREVER),
        Lifetime::Ttl { seconds } => {
            out.push(TTL);
            out.extend_from_slice(&seconds.to_le_bytes());
        }
        Lifetime::Until { at, text } => {
            out.push(UNTIL);
            out.extend_from_slice(&at.0.to_le_bytes());
            put_text(out, text);
        }
    }
}

fn lifetime(fields: &mut FieldReader<'_>) -> Option<Lifetime> {
    match fields.u8()? {
        FOREVER => Some(Lifetime::Forever),
        TTL => Some(Lifetime::Ttl { seconds: fields.u64()? }),
        UNTIL => Some(Lifetime::Until { at: Timestamp(fields.u64()?), text: fields.text()?.into() }),
        _ => None,
    }
}

fn put_retention(out: &mut Vec<u8>, retention: Retention) {
    let has = |some: bool, bit: u8| if some { bit } else { 0 };
    out.push(
        has(retention.age.is_some(), HAS_AGE)
            | has(retention.bytes.is_some(), HAS_BYTES)
            | has(retention.count.is_some(), HAS_COUNT),
    );
    if let Some(age) = retention.age {
        out.extend_from_slice(&age.as_secs().to_le_bytes());
        out.extend_from_slice(&age.subsec_nanos().to_le_bytes());
    }
    for limit in [retention.bytes, retention.count].into_iter().flatten() {
        out.extend_from_slice(&limit.to_le_bytes());
    }
}

fn retention(fields: &mut FieldReader<'_>) -> Option<Retention> {
    let has = fields.u8()?;
    if has & !(HAS_AGE | HAS_BYTES | HAS_COUNT) != 0 {
        return None;
    }
    let mut retention = Retention::default();
    if has & HAS_AGE != 0 {
        let (seconds, nanos) = (fields.u64()?, fields.u32()?);
        // `Duration::new` panics where whole seconds in `nanos` overflow.
        retention.age = Some(Duration::new(seconds, Some(nanos).filter(|nanos| *nanos < 1_000_000_000)?));
    }
    if has & HAS_BYTES != 0 {
        retention.bytes = Some(fields.u64()?);
    }
    if has & HAS_COUNT != 0 {
        retention.count = Some(fields.u64()?);
    }
    Some(retention)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configs() -> Vec<StreamConfig> {
        let all = Retention { age: Some(Duration::from_millis(1_500)), bytes: Some(7), count: Some(9) };
        let until = Lifetime::Until { at: Timestamp(99), text: "2026-01-01T00:00:00Z".into() };
        let mut configs = Vec::new();
        for (lifetime, retention, durability) in [
            (Lifetime::Forever, Retention::default(), None),
            (Lifetime::Ttl { seconds: 5 }, all, Some(Durability::Disk)),
            (until, Retention { age: None, ..all }, Some(Durability::Memory)),
        ] {
            configs.push(StreamConfig { content_type: ContentType::json(), lifetime, retention, durability });
        }
        configs
    }

    #[test]
    fn a_config_reads_back_and_a_part_of_it_does_not() {
        let name = StreamName::parse("orders/42").unwrap();
        for config in configs() {
            let mut bytes = Vec::new();
            put_creation(&mut bytes, name.as_str(), &config);
            let mut fields = FieldReader(&bytes);
            assert_eq!(creation(&mut fields), Some((name.clone(), config)));
            assert!(fields.is_at_end());
            for end in 0..bytes.len() {
                assert_eq!(creation(&mut FieldReader(&bytes[..end])), None);
            }
        }
    }
}
