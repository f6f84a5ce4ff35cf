//! The page `docs/settings.md`, printed from the table.

use super::access::{KEYS_KEYS, RIGHTS_KEYS};
use super::origins::ORIGINS_KEYS;
use super::rule::RULE_KEYS;
use super::{Definition, SETTINGS};
use std::fmt::Write as _;

const INTRODUCTION: &str = "\
# Settings

This page is printed from the code by `cargo xtask settings`; change the table there, not this page.

Every setting has a key in the settings file, an environment variable and a flag of `tidings serve`. A flag beats the
environment, which beats the file. The file is named with `--config FILE` or `TIDINGS_CONFIG`; else `tidings.toml` is
read if it stands in the folder where the server starts. A server reads the file anew when it changes, and on SIGHUP,
while connections stay as they are; what is wrong is logged, and the old settings stay ([reloading](operating.md#reloading)). `tidings config default` prints a commented file with every
key, `tidings config check` says what is wrong with the settings that a server would start with.

| key | flag | environment |
|---|---|---|
| `long_poll_timeout` | `--long-poll-timeout` | `TIDINGS_LONG_POLL_TIMEOUT` |

Durations are whole numbers with units: `500ms`, `30s`, `1h30m`, `7d`. Sizes are bytes, or `KiB`, `MiB`, `GiB`: `8 MiB`.
A name that is not on this page is an error.
";

const STREAMS: &str = "
## Streams by name

Tables `[[streams]]`, in the file only and after all other keys, give settings to the streams whose names match. For
each key the first table that matches and names it wins. What a stream was created with beats them all.

```toml
[[streams]]
match = \"orders/*\"
retention_age = \"7d\"
create_on_publish = true

[[streams]]
match = \"**\"
retention_count = 100000
```

| key | kind | example | meaning |
|---|---|---|---|
";

const RIGHTS: &str = "
## Rights

Tables `[[rights]]` and `[[keys]]`, in the file only and after all settings, say who may do what ([protocol](protocol.md#who-may-do-what)), and `[[origins]]` which pages of other origins may use the server ([protocol](protocol.md#pages-of-other-origins)). Where neither they nor `token_keys` nor `token_secret_file` are there,
everybody may do everything, and the server listens on this machine only.

```toml
token_keys = \"issuer.json\"
token_audience = \"tidings\"

[[rights]]
to = \"anybody\"
read = [\"news/**\"]

[[rights]]
to = \"token\"
read = [\"users/{sub}/**\"]

[[keys]]
name = \"backend\"
hash = \"sha256:6f1d9a3e8b5c7042d6e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9\"
publish = [\"**\"]
create = [\"**\"]

[[origins]]
allow = [\"https://app.example.com\"]
streams = [\"news/**\", \"users/**\"]
```

| table | key | example | meaning |
|---|---|---|---|
";

/// The whole page.
pub fn settings_markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut group = "";
    for setting in SETTINGS.iter().filter(|setting| !setting.hidden) {
        if setting.group != group {
            group = setting.group;
            let _always_fits =
                write!(page, "\n## {group}\n\n| key | kind | default | meaning |\n|---|---|---|---|\n");
        }
        let Definition { key, kind, default, .. } = setting;
        let doc = setting.told();
        let range =
            setting.range.map_or(String::new(), |range| format!(" `{}` to `{}`.", range.least, range.most));
        let _always_fits = writeln!(page, "| `{key}` | {kind} | `{default}` | {doc}{range} |");
    }
    page.push_str(STREAMS);
    for rule in &RULE_KEYS {
        let _always_fits =
            writeln!(page, "| `{}` | {} | `{}` | {} |", rule.key, rule.kind, rule.example, rule.doc);
    }
    page.push_str(RIGHTS);
    for (table, keys) in [("rights", &RIGHTS_KEYS[..]), ("keys", &KEYS_KEYS), ("origins", &ORIGINS_KEYS)] {
        for (key, example, doc) in keys {
            let _always_fits = writeln!(page, "| `[[{table}]]` | `{key}` | `{example}` | {doc} |");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_is_not_hidden_has_one_row() {
        let page = settings_markdown();
        for setting in SETTINGS {
            let rows = page
                .lines()
                .filter(|line| line.starts_with(&format!("| `{}` | {}", setting.key, setting.kind)));
            let in_rules = RULE_KEYS.iter().filter(|rule| rule.key == setting.key).count();
            assert_eq!(rows.count(), usize::from(!setting.hidden) + in_rules, "{}", setting.key);
        }
        assert!(page.contains(
            "| `sse_retry` | duration | `2s` | How long an SSE client waits before it connects again \
                               (`retry:`). Up to 3s is advised. `1ms` to `60s`. |"
        ));
    }
}
