//! Whatever the pages of a block hold, under right checksums: reading and merging it ends with messages or with an error, never with a
//! panic, and never with more memory than the pages say that they need.
//!
//! ```text
//! 'B' ( block, position: 3 bytes, byte )*     a block of the good log, and what is changed in it
//! 'P' page                                    the body of one page, as it is
//! ```

#![no_main]

use tidings_fuzz::{File, good_log, mend, read_all, storage_of, tidy};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((b'B', changes)) => changed_blocks(changes),
        Some((b'P', page)) => tidings_log::fuzz_page(page),
        _ => {}
    }
});

fn changed_blocks(changes: &[u8]) {
    let mut files = good_log().to_vec();
    let is_block = |file: &&mut File| file.name.strip_suffix(".block").is_some();
    let mut blocks: Vec<&mut File> = files.iter_mut().filter(is_block).collect();
    let (changes, _rest) = changes.as_chunks();
    for [block, low, middle, high, byte] in changes {
        let index = usize::from(*block) % blocks.len();
        let bytes = &mut blocks[index].bytes;
        let at = usize::from(*low) | usize::from(*middle) << 8 | usize::from(*high) << 16;
        let at = at % bytes.len();
        bytes[at] = *byte;
    }
    for block in blocks {
        mend::mend_block(&mut block.bytes);
    }
    let storage = storage_of(&files);
    if let Some(mut log) = read_all(&storage) {
        tidy(&mut log);
        drop(log);
        let _log = read_all(&storage);
    }
}
