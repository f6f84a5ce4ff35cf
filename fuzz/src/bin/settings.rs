//! Whatever stands in a settings file: it makes settings, and the same ones each time, or is refused in a sentence that says where.

#![no_main]

use tidings_server::settings::{Settings, SettingsError, SettingsInput, parse_duration};

const NAME: &str = "fuzz.toml";

/// The advice of an error names keys and values, and some of the file.
const TOLD_BYTES_MAX: usize = 4 << 10;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // What a file is told to read is the operator's own; here it may be anything.
    if text.contains("/dev/") || text.contains("/proc/") || text.contains("\\u") {
        return;
    }
    let _duration = parse_duration(text);
    match read(text) {
        Ok(settings) => {
            let again = read(text).expect("it was right a moment ago");
            assert_eq!(format!("{settings:?}"), format!("{again:?}"), "it has one reading");
            check_limits(&settings);
        }
        Err(error) => {
            let told = error.to_string();
            assert!(!told.is_empty() && told.len() <= TOLD_BYTES_MAX + 2 * text.len(), "{told}");
        }
    }
});

fn read(text: &str) -> Result<Settings, SettingsError> {
    SettingsInput::parse_toml(text, NAME)?.resolve()
}

/// What has to be so whatever was said, for the rest of the server relies on it.
fn check_limits(settings: &Settings) {
    assert!(0 < settings.workers && 0 < settings.memory_budget_bytes);
    assert!(settings.long_poll_timeout <= settings.long_poll_timeout_max);
    assert!(settings.max_message_bytes <= settings.request_memory_bytes);
    let is_safe = settings.access.has_rules() || settings.insecure;
    assert!(
        is_safe || settings.reachable_address().is_none(),
        "others reach it, and nobody said what they may"
    );
}
