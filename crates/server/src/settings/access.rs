//! Who may do what, as settings say it: the tables `[[rights]]` and `[[keys]]` of the file, and the keys of tokens.

use super::definition::Given;
use super::suggestion::nearest;
use super::{InvalidValue, Origin, Settings, SettingsError, SettingsInput, bounded_file};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use tidings_auth::{
    ApiKey, Claims, ClientCertificate, Digest, GrantsGiven, InvalidKeys, KeySet, Policy, PolicyInput,
    Published, Right, Template, TokenRules,
};

/// The two kinds of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableKind {
    /// `[[rights]]`: what anybody, or everybody with a token or a certificate, may do.
    Rights,
    /// `[[keys]]`: an API key, and what it may do.
    Keys,
}

impl TableKind {
    /// The kind of table with that name.
    pub(super) fn parse(name: &str) -> Option<TableKind> {
        [TableKind::Rights, TableKind::Keys].into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            TableKind::Rights => "rights",
            TableKind::Keys => "keys",
        }
    }

    /// The keys of such a table that are no rights.
    fn own_keys(self) -> &'static [&'static str] {
        match self {
            TableKind::Rights => &["to", "subject"],
            TableKind::Keys => &["name", "hash"],
        }
    }
}

/// Every table, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct AccessTables {
    anybody: GrantsGiven,
    with_token: GrantsGiven,
    with_certificate: GrantsGiven,
    /// Of single certificates, by their subjects.
    certificates: BTreeMap<String, GrantsGiven>,
    /// Where the first table to a certificate begins.
    certificate_origin: Option<Origin>,
    keys: Vec<ApiKey>,
    /// Whether there was any table, also one that grants nothing.
    any: bool,
}

/// One table while its keys are read.
pub(super) struct TableInput {
    kind: TableKind,
    to: Option<To>,
    /// Whose certificate it is for; everybody's where it does not say.
    subject: Option<(String, Origin)>,
    name: Option<String>,
    hash: Option<(Digest, Origin)>,
    grants: Vec<(Right, Template, Origin)>,
}

/// To whom a table `[[rights]]` gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Anybody,
    Token,
    Certificate,
}

/// What can stand in a table, for documentation: the key, an example as in TOML, and what it means.
pub(super) const RIGHTS_KEYS: [(&str, &str, &str); 2] = [
    (
        "to",
        "\"anybody\"",
        "Whom the table gives rights to: `anybody`, also without a token; `token`, everybody whose token is believed; or \
         `certificate`, everybody who has shown a certificate that `tls_client_ca_file` is for, and sends no token. With a \
         `subject` beside it, such as `\"backend.example.org\"`, that one only: the subject of a certificate is the first URI among its \
         alternative names, else the first name of a host, else its common name.",
    ),
    (
        "read",
        "[\"news/**\"]",
        "The streams that may be read. Likewise `publish`, `create`, `delete`, `list` and `admin`. Patterns are those of \
         `[[streams]]`; in a table to `token` claims may stand in braces, and in one to `certificate` its subject: \
         `users/{sub}/**`.",
    ),
];

/// As [`RIGHTS_KEYS`].
pub(super) const KEYS_KEYS: [(&str, &str, &str); 3] = [
    ("name", "\"backend\"", "Whose key it is, for people and for the log."),
    (
        "hash",
        "\"sha256:6f1d9a3e8b5c7042d6e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9\"",
        "`sha256:` and the SHA-256 of the key, in hex. The key itself stands nowhere: it is random, at least 32 bytes.",
    ),
    ("publish", "[\"**\"]", "The streams that may be published to, and so on, as in `[[rights]]`."),
];

impl TableInput {
    pub(super) fn new(kind: TableKind) -> TableInput {
        TableInput { kind, to: None, subject: None, name: None, hash: None, grants: Vec::new() }
    }

    /// Whether the value of that key is a list of patterns.
    pub(super) fn is_list(key: &str) -> bool {
        Right::parse(key).is_some()
    }

    /// Takes a key whose value is a list of patterns.
    pub(super) fn grant(
        &mut self,
        key: &str,
        patterns: &[String],
        origin: &Origin,
    ) -> Result<(), SettingsError> {
        let right = Right::parse(key).ok_or_else(|| self.unknown(key, origin))?;
        for text in patterns {
            let streams = Template::parse(text).map_err(|reason| SettingsError::InvalidValue {
                place: origin.place_of(key),
                text: text.clone(),
                invalid: InvalidValue::new(format!("is no pattern ({reason})")),
                advice: "stream names in which `*` is one segment and `**` any number, such as `orders/*`",
            })?;
            self.grants.push((right, streams, origin.clone()));
        }
        Ok(())
    }

    /// Takes a key whose value is a text.
    pub(super) fn set(&mut self, key: &str, text: &str, origin: &Origin) -> Result<(), SettingsError> {
        let wrong = |reason: &str, advice| SettingsError::InvalidValue {
            place: origin.place_of(key),
            text: text.to_owned(),
            invalid: InvalidValue::new(reason),
            advice,
        };
        match (self.kind, key) {
            (TableKind::Rights, "to") => {
                self.to = Some(match text {
                    "anybody" => To::Anybody,
                    "token" => To::Token,
                    "certificate" => To::Certificate,
                    _ => {
                        let advice = "`anybody`, `token` or `certificate`";
                        return Err(wrong("is nobody to give rights to", advice));
                    }
                });
            }
            (TableKind::Rights, "subject") => {
                let is_long = ClientCertificate::SUBJECT_BYTES_MAX < text.len();
                if text.is_empty() || is_long || text.contains(char::is_control) {
                    let advice = "whose certificate it is, such as `backend.example.org` or `spiffe://example.org/backend`";
                    return Err(wrong("is nobody's name", advice));
                }
                self.subject = Some((text.to_owned(), origin.clone()));
            }
            (TableKind::Keys, "name") if text.is_empty() => return Err(wrong("is empty", "whose key it is")),
            (TableKind::Keys, "name") => self.name = Some(text.to_owned()),
            (TableKind::Keys, "hash") => {
                let advice = "the SHA-256 of the key, such as `tidings key new` prints";
                let hash = ApiKey::parse_hash(text).map_err(|reason| wrong(&reason.to_string(), advice))?;
                self.hash = Some((hash, origin.clone()));
            }
            _ => return Err(self.unknown(key, origin)),
        }
        Ok(())
    }

    fn unknown(&self, key: &str, origin: &Origin) -> SettingsError {
        let rights = Right::ALL.map(Right::as_str);
        let keys = [self.kind.own_keys(), &rights].concat();
        SettingsError::UnknownName {
            place: format!("{origin}: unknown key `{key}` of a `[[{}]]` table", self.kind.name()),
            advice: match nearest(key, keys.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys are {}", keys.join(", ")),
            },
        }
    }

    fn incomplete(&self, begin: &Origin, advice: &str) -> SettingsError {
        SettingsError::UnknownName {
            place: format!("{begin}: this `[[{}]]` is not complete", self.kind.name()),
            advice: advice.to_owned(),
        }
    }
}

impl TableInput {
    /// Claims are a token's; of a certificate there is its subject.
    fn check_claims(&self) -> Result<(), SettingsError> {
        let (reason, advice) = match self.to {
            Some(To::Token) => return Ok(()),
            Some(To::Certificate) => (
                "holds a claim that no certificate has",
                "`{sub}`, which is the subject of the certificate, or none",
            ),
            _ => {
                let advice = "it in a table `[[rights]]` with `to = \"token\"`";
                ("holds a claim, and only tokens have claims", advice)
            }
        };
        let known = match self.to {
            Some(To::Certificate) => Claims::from_iter([("sub".to_owned(), "x".into())]),
            _ => Claims::new(),
        };
        let Some((right, streams, origin)) =
            self.grants.iter().find(|(_, streams, _)| streams.fill(&known).is_none())
        else {
            return Ok(());
        };
        Err(SettingsError::InvalidValue {
            place: origin.place_of(right.as_str()),
            text: streams.as_str().to_owned(),
            invalid: InvalidValue::new(reason),
            advice,
        })
    }

    fn check_subject(&self) -> Result<(), SettingsError> {
        let Some((subject, origin)) = self.subject.as_ref().filter(|_| self.to != Some(To::Certificate))
        else {
            return Ok(());
        };
        Err(SettingsError::InvalidValue {
            place: origin.place_of("subject"),
            text: subject.clone(),
            invalid: InvalidValue::new("is the subject of a certificate, and this table is not for one"),
            advice: "`to = \"certificate\"` beside it",
        })
    }
}

impl AccessTables {
    /// Takes a table that began at `begin`.
    pub(super) fn add(&mut self, table: TableInput, begin: &Origin) -> Result<(), SettingsError> {
        table.check_claims()?;
        table.check_subject()?;
        let mut fresh = GrantsGiven::default();
        self.any = true;
        match table.kind {
            TableKind::Rights => {
                let to = table.to.ok_or_else(|| {
                    table.incomplete(
                        begin,
                        "write whom it is for: `to = \"anybody\"`, `\"token\"` or `\"certificate\"`",
                    )
                })?;
                if to == To::Certificate {
                    self.certificate_origin.get_or_insert_with(|| begin.clone());
                }
                let given = match (to, table.subject) {
                    (To::Anybody, _) => &mut self.anybody,
                    (To::Token, _) => &mut self.with_token,
                    (To::Certificate, None) => &mut self.with_certificate,
                    (To::Certificate, Some((subject, _))) => self.certificates.entry(subject).or_default(),
                };
                table.grants.into_iter().for_each(|(right, streams, _)| given.add(right, streams));
            }
            TableKind::Keys => {
                let advice = "write a `name` and a `hash`, such as `tidings key new` prints";
                let (Some(name), Some((hash, origin))) = (&table.name, &table.hash) else {
                    return Err(table.incomplete(begin, advice));
                };
                if self.keys.iter().any(|known| known.hash == *hash) {
                    return Err(SettingsError::InvalidValue {
                        place: origin.place_of("hash"),
                        text: ApiKey::hash_text(*hash),
                        invalid: InvalidValue::new("is that of another key too"),
                        advice: "one table for each key",
                    });
                }
                let (name, hash) = (name.clone(), *hash);
                table.grants.into_iter().for_each(|(right, streams, _)| fresh.add(right, streams));
                self.keys.push(ApiKey { name, hash, grants: fresh });
            }
        }
        Ok(())
    }

    /// These, and those of a weaker origin: only the file has any.
    pub(super) fn or(self, weaker: AccessTables) -> AccessTables {
        if self.any { self } else { weaker }
    }
}

impl Settings {
    /// An address to listen on that others can reach, if there is one.
    pub fn reachable_address(&self) -> Option<SocketAddr> {
        let addresses = std::iter::once(self.listen).chain(self.tls_listen);
        addresses.into_iter().find(|address| !address.ip().to_canonical().is_loopback())
    }
}

impl SettingsInput {
    /// The rules, with the keys read from their files. Without any rule the server must not be reached by others.
    pub(super) fn policy(&self, settings: &Settings) -> Result<Policy, SettingsError> {
        self.check_certificates(settings)?;
        let AccessTables { anybody, with_token, with_certificate, certificates, keys, any, .. } =
            self.access.clone();
        let tokens = self.token_rules(settings)?;
        let policy = Policy::new(PolicyInput {
            anybody,
            with_token,
            with_certificate,
            certificates,
            keys,
            tokens,
            is_ruled: any,
            keeps_claims: settings.webhook_url.is_some(),
        });
        let policy = policy.with_key_files(self.digest_of_key_files());
        let Some(listen) = settings.reachable_address() else { return Ok(policy) };
        if policy.has_rules() || settings.insecure {
            return Ok(policy);
        }
        let (key, origin) = if listen == settings.listen {
            ("listen", self.listen.as_ref().map(|given| &given.origin))
        } else {
            ("tls_listen", self.tls_listen.as_ref().map(|given| &given.origin))
        };
        let origin = origin.map_or("default".to_owned(), ToString::to_string);
        Err(SettingsError::NoRules { key, listen, origin })
    }

    /// Whoever gives rights to certificates wants that they are asked for.
    fn check_certificates(&self, settings: &Settings) -> Result<(), SettingsError> {
        let begin = self.access.certificate_origin.as_ref();
        let Some(begin) = begin.filter(|_| settings.tls_client_ca_file.is_none()) else { return Ok(()) };
        Err(SettingsError::UnknownName {
            place: format!(
                "{begin}: this `[[rights]]` is for certificates of clients, and none is asked for"
            ),
            advice: "name who signs them by tls_client_ca_file, or leave the table out".to_owned(),
        })
    }

    /// Of the files with the keys of tokens.
    fn digest_of_key_files(&self) -> Digest {
        let files = [&self.token_keys, &self.token_secret_file].into_iter().flatten();
        // What can't be read was refused when it was read as keys.
        let contents = files.filter_map(|given| bounded_file::read(given.value.as_ref()?).ok());
        Digest::of(
            &contents.flat_map(|bytes| Digest::of(&bytes).to_string().into_bytes()).collect::<Vec<u8>>(),
        )
    }

    fn token_rules(&self, settings: &Settings) -> Result<Option<TokenRules>, SettingsError> {
        let public = self.token_keys.as_ref();
        let secret = self.token_secret_file.as_ref();
        let public = keys_of("token_keys", public, KeySet::parse)?;
        let secret = keys_of("token_secret_file", secret, KeySet::from_secret)?;
        let keys = public.into_iter().chain(secret).reduce(KeySet::and);
        if keys.is_none() && settings.token_keys_url.is_none() {
            return self.check_no_tokens().map(|()| None);
        }
        Ok(Some(TokenRules {
            keys: keys.unwrap_or_default(),
            published: if settings.token_keys_url.is_some() {
                Published::Awaited
            } else {
                Published::Nowhere
            },
            issuer: settings.token_issuer.clone(),
            audience: settings.token_audience.clone(),
            claim: settings.token_claim.clone(),
            leeway: settings.token_leeway,
        }))
    }

    /// Whoever says which tokens are believed does not want that everybody may do everything.
    fn check_no_tokens(&self) -> Result<(), SettingsError> {
        let rules = [("token_issuer", &self.token_issuer), ("token_audience", &self.token_audience)];
        for (key, given) in rules {
            if let Some(given) = given.as_ref().filter(|given| given.value.is_some()) {
                return Err(SettingsError::Conflict {
                    values: format!("{key} = `{}` ({})", given.text, given.origin),
                    rule: "no token is believed without keys",
                    advice: format!(
                        "name them by token_keys, token_keys_url or token_secret_file, or leave {key} out"
                    ),
                });
            }
        }
        Ok(())
    }
}

/// The keys in a file, if one is named.
fn keys_of(
    key: &str,
    given: Option<&Given<Option<PathBuf>>>,
    parse: fn(&[u8]) -> Result<KeySet, InvalidKeys>,
) -> Result<Option<KeySet>, SettingsError> {
    let Some((given, path)) = given.and_then(|given| Some((given, given.value.as_ref()?))) else {
        return Ok(None);
    };
    let refused = |reason: String| SettingsError::KeyFile {
        place: given.origin.place_of(key),
        path: path.display().to_string(),
        reason,
    };
    let bytes = bounded_file::read(path).map_err(|error| refused(format!("can't be read: {error}")))?;
    parse(&bytes).map(Some).map_err(|reason| refused(reason.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tidings_auth::TokenCache;
    use tidings_model::{StreamName, Timestamp};

    fn resolved(text: &str) -> Result<Settings, String> {
        let input = SettingsInput::parse_toml(text, "t.toml").and_then(SettingsInput::resolve);
        input.map_err(|error| error.to_string())
    }

    fn policy(text: &str) -> Arc<Policy> {
        resolved(text).unwrap_or_else(|error| panic!("{error}")).access
    }

    const HASH: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn tables_give_rights_to_anybody_and_to_keys() {
        let text = format!(
            "[[rights]]\nto = \"anybody\"\nread = [\"news/**\"]\n\
             [[keys]]\nname = \"backend\"\nhash = \"{HASH}\"\npublish = [\"**\"]\ncreate = \"a/*\"\n"
        );
        let policy = policy(&text);
        let name = StreamName::parse("news/today").unwrap();
        assert!(policy.anybody().may(Right::Read, &name) && !policy.anybody().may(Right::Publish, &name));
        let key = policy
            .identify("abc", std::net::Ipv6Addr::LOCALHOST, &mut TokenCache::default(), Timestamp(0))
            .unwrap();
        assert!(key.may(Right::Read, &name) && key.may(Right::Publish, &name));
        assert!(key.may(Right::Create, &StreamName::parse("a/b").unwrap()));
        assert_eq!(key.subject(), Some("backend"));
    }

    #[test]
    fn what_is_wrong_in_a_table_is_named() {
        for (text, message) in [
            (
                "[[rights]]\nread = [\"**\"]",
                "t.toml:1: this `[[rights]]` is not complete; write whom it is for: `to = \"anybody\"`, `\"token\"` \
                 or `\"certificate\"`",
            ),
            (
                "[[rights]]\nto = \"all\"",
                "t.toml:2: `to`: `all` is nobody to give rights to; write `anybody`, `token` or `certificate`",
            ),
            (
                "[[rights]]\nto = \"token\"\nreads = [\"**\"]",
                "t.toml:3: unknown key `reads` of a `[[rights]]` table; did you mean `read`?",
            ),
            (
                "[[rights]]\nto = \"anybody\"\nread = [\"users/{sub}/**\"]",
                "t.toml:3: `read`: `users/{sub}/**` holds a claim, and only tokens have claims; write it in a table \
                 `[[rights]]` with `to = \"token\"`",
            ),
            (
                "[[rights]]\nto = \"certificate\"\nread = [\"users/{sub}/**\", \"{org}\"]",
                "t.toml:3: `read`: `{org}` holds a claim that no certificate has; write `{sub}`, which is the subject of the \
                 certificate, or none",
            ),
            (
                "[[rights]]\nto = \"token\"\nsubject = \"a\"",
                "t.toml:3: `subject`: `a` is the subject of a certificate, and this table is not for one; write `to = \
                 \"certificate\"` beside it",
            ),
            (
                "[[rights]]\nto = \"certificate\"\nsubject = \"\"",
                "t.toml:3: `subject`: `` is nobody's name; write whose certificate it is, such as `backend.example.org` or \
                 `spiffe://example.org/backend`",
            ),
            (
                "[[rights]]\nto = \"certificate\"\nread = [\"**\"]",
                "t.toml:1: this `[[rights]]` is for certificates of clients, and none is asked for; name who signs them by \
                 tls_client_ca_file, or leave the table out",
            ),
            (
                "[[rights]]\nto = \"token\"\nread = [\"a\", \"a//b\"]",
                "t.toml:3: `read`: `a//b` is no pattern (a pattern can't hold an empty segment: no `//`, and no `/` at \
                 either end); write stream names in which `*` is one segment and `**` any number, such as `orders/*`",
            ),
            (
                "[[rights]]\nto = \"token\"\nread = [1]",
                "t.toml:3: `read` can't stand here; write a list of patterns, such as `read = [\"orders/**\"]`",
            ),
            (
                "[rights]\nto = \"token\"",
                "t.toml:1: `rights` can't stand here; write `[[rights]]`, in double brackets, once for each table",
            ),
            (
                "[[keys]]\nname = \"a\"",
                "t.toml:1: this `[[keys]]` is not complete; write a `name` and a `hash`, such as `tidings key new` prints",
            ),
            (
                "[[keys]]\nname = \"a\"\nhash = \"tidings_5\"",
                "t.toml:3: `hash`: `tidings_5` is not `sha256:` and 64 hex digits; write the SHA-256 of the key, such as \
                 `tidings key new` prints",
            ),
        ] {
            assert_eq!(resolved(text).err().unwrap_or_default(), message, "{text}");
        }
        let twice = format!("[[keys]]\nname = \"a\"\nhash = \"{HASH}\"\n").repeat(2);
        let refused = resolved(&twice).err().unwrap_or_default();
        assert!(refused.starts_with("t.toml:6: `hash`: `sha256:ba78"), "{refused}");
    }

    #[test]
    fn a_server_that_others_can_reach_has_rules() {
        let refused = resolved("listen = \"0.0.0.0:4437\"").err().unwrap_or_default();
        assert!(refused.contains("\n  [[rights]]\n  to = \"anybody\"\n  read = [\"**\"]\n"), "{refused}");
        let lines = refused.lines().skip(1).take(3).collect::<Vec<_>>().join("\n");
        for listen in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            let listen = format!("listen = \"{listen}\"\n");
            assert!(resolved(&listen).is_err(), "{listen}");
            assert!(
                resolved(&format!("{listen}{lines}")).is_ok(),
                "what it says to write is enough: {lines}"
            );
            assert!(resolved(&format!("{listen}insecure = true")).is_ok());
        }
        for listen in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            let settings = resolved(&format!("listen = \"{listen}\"")).unwrap();
            assert!(!settings.access.has_rules());
        }
    }

    #[test]
    fn a_rule_that_grants_nothing_is_a_rule() {
        for to in ["anybody", "token"] {
            for none in ["", "read = []"] {
                let policy = policy(&format!("[[rights]]\nto = \"{to}\"\n{none}"));
                assert!(policy.has_rules(), "{to} {none}");
                assert!(!Right::ALL.into_iter().any(|right| policy.anybody().may_any(right)), "{to} {none}");
            }
        }
        assert!(resolved("listen = \"0.0.0.0:1\"\n[[rights]]\nto = \"anybody\"").is_ok());
    }

    #[test]
    fn tokens_that_no_key_is_there_for_are_told_at_the_start() {
        for key in ["token_issuer", "token_audience"] {
            let refused = resolved(&format!("{key} = \"x\"")).err().unwrap_or_default();
            let expected = format!(
                "{key} = `x` (t.toml:1): no token is believed without keys; name them by token_keys, token_keys_url or token_secret_file, or \
                 leave {key} out"
            );
            assert_eq!(refused, expected);
        }
    }

    #[test]
    fn the_keys_of_tokens_are_read_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "too short").unwrap();
        let text = format!("token_secret_file = {:?}", path.display().to_string());
        let refused = resolved(&text).err().unwrap_or_default();
        let expected = "has 9 bytes; a secret has at least 32, at random";
        assert_eq!(refused, format!("t.toml:1: `token_secret_file`: {} {expected}", path.display()));
        std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
        assert!(policy(&text).has_rules());
        std::fs::remove_file(&path).unwrap();
        assert!(resolved(&text).err().unwrap_or_default().contains("can't be read: "));
    }
}
