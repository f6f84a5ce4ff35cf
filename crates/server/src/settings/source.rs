//! Where the settings of a server come from, so that they can be read anew while it runs.

use super::file_stamps::FileStamps;
use super::kind::FILE_OR_NONE;
use super::{Settings, SettingsError, SettingsInput};
use std::path::{Path, PathBuf};

/// A settings file, and what beats it: the flags and the environment of the process, which never change.
#[derive(Clone, Debug, Default)]
pub struct SettingsSource {
    above: SettingsInput,
    file: Option<PathBuf>,
}

/// What a source said, and the settings that follow from it.
#[derive(Clone, Debug)]
pub struct LoadedSettings {
    source: SettingsSource,
    said: SettingsInput,
    settings: Settings,
    /// The files, as they were when they were read last.
    stamps: FileStamps,
}

/// What came of reading a source again. Names are keys, in the order of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Settings that are others now.
    pub changed: Vec<&'static str>,
    /// Settings that are written otherwise, and stay as they were until the next start.
    pub at_next_start: Vec<&'static str>,
}

impl SettingsSource {
    /// What flags and environment said, and the file below them. A file that is named has to be there.
    pub fn new(above: SettingsInput, file: Option<PathBuf>) -> SettingsSource {
        SettingsSource { above, file }
    }

    /// The file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads the file and checks all together.
    pub fn load(self) -> Result<LoadedSettings, SettingsError> {
        let mut stamps = FileStamps::of(self.file());
        let said = self.read()?;
        stamps.add(said.files());
        let settings = said.clone().resolve()?;
        Ok(LoadedSettings { source: self, said, settings, stamps })
    }

    fn read(&self) -> Result<SettingsInput, SettingsError> {
        let file = self.file().map(SettingsInput::from_file).transpose()?.unwrap_or_default();
        Ok(self.above.clone().or(file))
    }
}

impl SettingsInput {
    /// The files that settings name: keys and the like.
    fn files(&self) -> impl Iterator<Item = &Path> {
        let named = self.texts().filter(|(setting, _)| setting.advice == FILE_OR_NONE.advice);
        named.filter_map(|(_, text)| text.filter(|text| !text.is_empty())).map(Path::new)
    }

    /// Which settings are written otherwise than there.
    fn compared_with(&self, old: &SettingsInput) -> Reloaded {
        let mut reloaded = Reloaded::default();
        for ((setting, new), (_, old)) in self.texts().zip(old.texts()) {
            if new.unwrap_or(setting.default) != old.unwrap_or(setting.default) {
                let keys = if setting.restart { &mut reloaded.at_next_start } else { &mut reloaded.changed };
                keys.push(setting.key);
            }
        }
        reloaded
    }
}

impl LoadedSettings {
    /// What counts now.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the settings file, or a file that settings name, is another than when it was read last. To be asked now and then: a file
    /// that changed counts only once it is still from one look to the next, for it may be only half written before.
    pub fn have_files_changed(&mut self) -> bool {
        self.stamps.look()
    }

    /// Reads everything again. Settings that need a restart stay as they are. Where anything is wrong, all stays as it is.
    pub fn reload(&mut self) -> Result<Reloaded, SettingsError> {
        // Before they are read: what is written meanwhile is found at the next look.
        self.stamps = FileStamps::of(self.source.file().into_iter().chain(self.said.files()));
        let mut said = self.source.read()?;
        let reloaded = said.compared_with(&self.said);
        said.keep_until_restart(&self.said);
        self.stamps.add(said.files());
        self.settings = said.clone().resolve()?;
        self.said = said;
        Ok(reloaded)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::*;
    use std::time::Duration;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new(text: &str) -> Place {
            let place = Place { folder: tempfile::tempdir().unwrap() };
            place.write(text);
            place
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("t.toml")
        }

        fn write(&self, text: &str) {
            std::fs::write(self.file(), text).unwrap();
        }

        fn load(&self, above: SettingsInput) -> LoadedSettings {
            SettingsSource::new(above, Some(self.file())).load().unwrap()
        }
    }

    #[test]
    fn what_changed_counts_and_what_needs_a_restart_is_said_and_stays() {
        let place = Place::new("heartbeat = \"20s\"\nworkers = 3\nsse_retry = \"1s\"");
        let mut loaded = place.load(SettingsInput::default());
        place.write("heartbeat = \"21s\"\nworkers = 4\nsse_retry = \"1s\"\nmax_streams = 1000000");
        let reloaded = loaded.reload().unwrap();
        assert_eq!(reloaded, Reloaded { changed: vec!["heartbeat"], at_next_start: vec!["workers"] });
        assert_eq!(loaded.settings().heartbeat, Duration::from_secs(21));
        assert_eq!(loaded.settings().workers, 3);
        // It is said each time, for as long as it is so.
        assert_eq!(loaded.reload().unwrap().at_next_start, ["workers"]);
        place.write("heartbeat = \"21s\"\nworkers = 3\nsse_retry = \"1s\"");
        assert_eq!(loaded.reload().unwrap(), Reloaded::default());
    }

    #[test]
    fn flags_and_environment_keep_their_weight() {
        let mut above = SettingsInput::default();
        above.set("heartbeat", "5s", Origin::Flag).unwrap();
        let place = Place::new("heartbeat = \"20s\"");
        let mut loaded = place.load(above);
        place.write("heartbeat = \"30s\"\nsse_retry = \"1s\"");
        assert_eq!(loaded.reload().unwrap().changed, ["sse_retry"]);
        assert_eq!(loaded.settings().heartbeat, Duration::from_secs(5));
    }

    #[test]
    fn a_broken_file_leaves_all_as_it_was_and_says_where_it_is_broken() {
        let place = Place::new("heartbeat = \"20s\"");
        let mut loaded = place.load(SettingsInput::default());
        let name = place.file().display().to_string();
        for (text, told) in [
            ("sse_retry = \"1s\"\nheartbeat = \"30\"", ":2: `heartbeat`: `30` has no unit; write "),
            ("sse_retry = \"1s\"\nheart = \"30s\"", ":2: unknown key `heart`; "),
            ("sse_retry = \"1s\"\nheartbeat = ", ":2: "),
            (
                "sse_retry = \"1s\"\ntoken_keys = \"nowhere.pem\"",
                ":2: `token_keys`: nowhere.pem can't be read: ",
            ),
        ] {
            place.write(text);
            let refused = loaded.reload().unwrap_err().to_string();
            assert!(refused.starts_with(&format!("{name}{told}")), "{refused}");
            assert_eq!(loaded.settings().sse_retry, Duration::from_secs(2));
        }
        std::fs::remove_file(place.file()).unwrap();
        let refused = loaded.reload().unwrap_err().to_string();
        assert!(refused.starts_with(&format!("cannot read the settings file {name}: ")), "{refused}");
        assert_eq!(loaded.settings().heartbeat, Duration::from_secs(20));
        // What is right again is not held against what was wrong.
        place.write("heartbeat = \"22s\"");
        assert_eq!(loaded.reload().unwrap().changed, ["heartbeat"]);
    }

    #[test]
    fn values_are_checked_against_those_that_stay() {
        let place = Place::new("max_message_bytes = \"8 MiB\"");
        let mut loaded = place.load(SettingsInput::default());
        place.write("max_message_bytes = \"1 KiB\"\nrequest_memory_bytes = \"1 MiB\"");
        let refused = loaded.reload().unwrap_err().to_string();
        assert!(refused.contains("max_message_bytes = `8 MiB`"), "{refused}");
    }

    #[test]
    fn a_file_that_changed_counts_once_it_is_still() {
        let place = Place::new("");
        let secret = place.folder.path().join("secret");
        std::fs::write(&secret, "0123456789abcdef0123456789abcdef").unwrap();
        let text = format!("token_secret_file = {:?}", secret.display().to_string());
        place.write(&text);
        let mut loaded = place.load(SettingsInput::default());
        assert!(!loaded.have_files_changed());
        place.write("");
        assert!(!loaded.have_files_changed());
        place.write(&format!("{text}\nheartbeat = \"9s\""));
        assert!(!loaded.have_files_changed());
        assert!(loaded.have_files_changed());
        loaded.reload().unwrap();
        assert!(!loaded.have_files_changed());
        // So does a file that is named in it; also one that is put in its place, or away.
        let other = place.folder.path().join("other");
        std::fs::write(&other, "another secret, which has 32 bytes too").unwrap();
        std::fs::rename(&other, &secret).unwrap();
        assert!(!loaded.have_files_changed() && loaded.have_files_changed());
        std::fs::remove_file(&secret).unwrap();
        assert!(!loaded.have_files_changed() && loaded.have_files_changed());
        assert!(loaded.reload().is_err());
        assert!(!loaded.have_files_changed() && !loaded.have_files_changed());
        std::fs::write(&secret, "0123456789abcdef0123456789abcdef").unwrap();
        assert!(!loaded.have_files_changed() && loaded.have_files_changed());
        assert!(loaded.reload().is_ok());
    }
}
