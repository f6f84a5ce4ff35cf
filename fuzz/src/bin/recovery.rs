//! Whatever a data folder holds, opening it as a log ends with a log that can be read or with an error; never with a panic, and never with
//! more memory than the files have.

#![no_main]

use tidings_fuzz::{Input, publish_and_open_again, read_all, storage_of, tidy};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(input) = Input::parse(bytes) else { return };
    let storage = storage_of(&input.files);
    let Some(mut log) = read_all(&storage) else { return };
    tidy(&mut log);
    let is_there = publish_and_open_again(log, &storage);
    assert!(is_there || !input.is_guarded, "a log that was opened does not keep what is published to it");
});
