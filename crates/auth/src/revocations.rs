//! What was taken back before its time: tokens by their `jti`, subjects, API keys by their names.
//!
//! Never by a digest: ECDSA lets whoever has a token write the same one in another way.

use crate::principal::Principal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tidings_model::Timestamp;

/// What a revocation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokedBy {
    /// Every token of that `sub`.
    Subject,
    /// The token of that `jti`.
    TokenId,
    /// The API key of that name.
    Key,
}

impl RevokedBy {
    /// All of them.
    pub const ALL: [RevokedBy; 3] = [RevokedBy::Subject, RevokedBy::TokenId, RevokedBy::Key];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            RevokedBy::Subject => "subject",
            RevokedBy::TokenId => "token_id",
            RevokedBy::Key => "key",
        }
    }
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When it was asked for.
    pub since: Timestamp,
    /// From when on it is forgotten: what it names has ended by itself. `None` until it is taken back.
    pub end: Option<Timestamp>,
    /// Of a subject: only tokens that were issued (`iat`) before, and those that don't say when.
    pub issued_before: Option<Timestamp>,
}

/// All that hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    by_name: [BTreeMap<String, Revocation>; RevokedBy::ALL.len()],
}

/// As many as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many revocations hold as may")]
pub struct TooManyRevocations;

impl Revocations {
    /// The longest name in bytes.
    pub const NAME_BYTES_MAX: usize = 1_024;

    /// Takes something back; the same again replaces what was said before.
    pub fn add(
        &mut self,
        (by, name): (RevokedBy, &str),
        revocation: Revocation,
        count_max: usize,
    ) -> Result<(), TooManyRevocations> {
        self.forget_ended(revocation.since);
        let is_known = self.of(by).contains_key(name);
        if !is_known && count_max <= self.len() {
            return Err(TooManyRevocations);
        }
        self.by_name[by as usize].insert(name.to_owned(), revocation);
        Ok(())
    }

    /// Believes it again. Whether it was revoked.
    pub fn remove(&mut self, by: RevokedBy, name: &str) -> bool {
        self.by_name[by as usize].remove(name).is_some()
    }

    /// Whether that principal, or who has asked for its ticket, is not believed any more.
    pub fn concern(&self, principal: &Principal, now: Timestamp) -> bool {
        let holds = |by, name: Option<&str>| {
            let found = name.and_then(|name| self.of(by).get(name));
            found.filter(|found| found.end.is_none_or(|end| now < end))
        };
        if principal.is_of_key() {
            return holds(RevokedBy::Key, principal.subject()).is_some();
        }
        let of_subject = holds(RevokedBy::Subject, principal.subject()).is_some_and(|found| {
            let is_later = |before| principal.issued().is_some_and(|issued| before <= issued);
            !found.issued_before.is_some_and(is_later)
        });
        of_subject || holds(RevokedBy::TokenId, principal.token_id()).is_some()
    }

    /// Each of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (RevokedBy, &str, &Revocation)> {
        RevokedBy::ALL
            .into_iter()
            .flat_map(|by| self.of(by).iter().map(move |(name, revocation)| (by, name.as_str(), revocation)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.iter().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.iter().all(BTreeMap::is_empty)
    }

    fn of(&self, by: RevokedBy) -> &BTreeMap<String, Revocation> {
        &self.by_name[by as usize]
    }

    fn forget_ended(&mut self, now: Timestamp) {
        for names in &mut self.by_name {
            names.retain(|_name, revocation| revocation.end.is_none_or(|end| now < end));
        }
    }

    /// As a file keeps them.
    pub fn encode(&self) -> Vec<u8> {
        let entries = self.iter().map(|(by, name, revocation)| Entry {
            by,
            name: name.to_owned(),
            since_ms: revocation.since.0,
            end_ms: revocation.end.map(|end| end.0),
            issued_before_ms: revocation.issued_before.map(|before| before.0),
        });
        let file = File { version: File::VERSION, revocations: entries.collect() };
        serde_json::to_vec_pretty(&file).expect("names and numbers can be written as JSON")
    }

    /// Reads such a file.
    pub fn decode(bytes: &[u8]) -> Result<Revocations, InvalidRevocations> {
        let file: File =
            serde_json::from_slice(bytes).map_err(|error| InvalidRevocations::Json { line: error.line() })?;
        if file.version != File::VERSION {
            return Err(InvalidRevocations::Version { version: file.version });
        }
        let mut all = Revocations::default();
        for Entry { by, name, since_ms, end_ms, issued_before_ms } in file.revocations {
            let revocation = Revocation {
                since: Timestamp(since_ms),
                end: end_ms.map(Timestamp),
                issued_before: issued_before_ms.map(Timestamp),
            };
            all.by_name[by as usize].insert(name, revocation);
        }
        Ok(all)
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    revocations: Vec<Entry>,
}

impl File {
    const VERSION: u32 = 1;
}

#[derive(Serialize, Deserialize)]
struct Entry {
    by: RevokedBy,
    name: String,
    since_ms: u64,
    end_ms: Option<u64>,
    issued_before_ms: Option<u64>,
}

/// Why a file does not hold revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRevocations {
    /// Not the JSON that it should be.
    #[error("is damaged at line {line}")]
    Json {
        /// Counted from 1.
        line: usize,
    },
    /// Written by another version of this program.
    #[error("has version {version}, which this program does not know")]
    Version {
        /// Which.
        version: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Facts;
    use crate::{Digest, PrincipalKind};

    fn ann(token_id: Option<&str>, issued_s: Option<u64>) -> Principal {
        Principal::of(Facts {
            subject: Some("ann".to_owned()),
            token_id: token_id.map(str::to_owned),
            issued: issued_s.map(|seconds| Timestamp(seconds * 1_000)),
            ..Facts::new(PrincipalKind::Token)
        })
    }

    fn since(ms: u64) -> Revocation {
        Revocation { since: Timestamp(ms), end: None, issued_before: None }
    }

    fn revoked(by: RevokedBy, name: &str, revocation: Revocation) -> Revocations {
        let mut all = Revocations::default();
        all.add((by, name), revocation, 10).unwrap();
        all
    }

    #[test]
    fn a_revocation_concerns_what_it_names() {
        let now = Timestamp(5);
        let key = Principal::of(Facts {
            subject: Some("ann".to_owned()),
            key: Some(Digest::of(b"key")),
            ..Facts::new(PrincipalKind::Key)
        });
        let subject = revoked(RevokedBy::Subject, "ann", since(1));
        assert!(subject.concern(&ann(None, None), now) && !subject.concern(&key, now));
        assert!(!subject.concern(&Principal::unruled(), now));
        let by_id = revoked(RevokedBy::TokenId, "t1", since(1));
        assert!(by_id.concern(&ann(Some("t1"), None), now));
        assert!(!by_id.concern(&ann(Some("t2"), None), now) && !by_id.concern(&ann(None, None), now));
        let by_key = revoked(RevokedBy::Key, "ann", since(1));
        assert!(by_key.concern(&key, now) && !by_key.concern(&ann(None, None), now));
        // What somebody got a ticket for ends with them.
        let ticket = |who: &Principal| who.with_ticket(crate::Grants::default());
        assert!(by_key.concern(&ticket(&key), now) && by_id.concern(&ticket(&ann(Some("t1"), None)), now));
    }

    #[test]
    fn tokens_that_were_issued_later_are_believed_where_it_is_said() {
        let cut = Revocation { issued_before: Some(Timestamp(7_000)), ..since(1) };
        let all = revoked(RevokedBy::Subject, "ann", cut);
        for (issued_s, is_revoked) in [(None, true), (Some(6), true), (Some(7), false), (Some(8), false)] {
            assert_eq!(all.concern(&ann(None, issued_s), Timestamp(2)), is_revoked, "{issued_s:?}");
        }
    }

    #[test]
    fn one_that_has_ended_is_forgotten() {
        let mut all = revoked(RevokedBy::Subject, "ann", Revocation { end: Some(Timestamp(10)), ..since(1) });
        assert!(all.concern(&ann(None, None), Timestamp(9)));
        assert!(!all.concern(&ann(None, None), Timestamp(10)));
        all.add((RevokedBy::Key, "k"), since(10), 1).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all.add((RevokedBy::Key, "l"), since(11), 1), Err(TooManyRevocations));
        // The same once more is no other one.
        all.add((RevokedBy::Key, "k"), since(12), 1).unwrap();
        assert!(all.remove(RevokedBy::Key, "k") && !all.remove(RevokedBy::Key, "k") && all.is_empty());
    }

    #[test]
    fn they_outlive_a_file() {
        let mut all = revoked(RevokedBy::Subject, "ann \"x\"\n", since(1));
        let full = Revocation { end: Some(Timestamp(9)), issued_before: Some(Timestamp(3)), ..since(2) };
        all.add((RevokedBy::TokenId, "t"), full, 10).unwrap();
        assert_eq!(Revocations::decode(&all.encode()), Ok(all.clone()));
        let bytes = all.encode();
        assert!(matches!(
            Revocations::decode(&bytes[..bytes.len() / 2]),
            Err(InvalidRevocations::Json { .. })
        ));
        let later = br#"{"version":2,"revocations":[]}"#;
        assert_eq!(Revocations::decode(later), Err(InvalidRevocations::Version { version: 2 }));
    }
}
