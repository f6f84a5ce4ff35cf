//! The bytes of a fuzzer as files of a log. The form is our own and simple, so that seeds stay good and can be made by hand.
//!
//! ```text
//! 'F' ( name, number, pages, length: 2 bytes, length × byte )*     files
//! 'L' ( file, position: 2 bytes, xor )*                            the good log, and what is changed in it
//! ```
//! In lower case the checksums are put right after that, so that what they guard is looked at. Numbers are little-endian.

use crate::files::File;
use crate::good_log::good_log;
use crate::mend::mend;

/// What a log may find in its folder, by the first byte of a file. Those that begin with a dot have a number in front, by the
/// second byte.
const NAMES: [&str; 10] = [
    "manifest.0",
    "manifest.1",
    ".segment",
    ".block",
    ".snapshot",
    ".spare",
    ".filling",
    ".making",
    "reserve",
    "elsewhere",
];

fn name(kind: u8, number: u8) -> String {
    let name = NAMES[usize::from(kind) % NAMES.len()];
    if name.starts_with('.') { format!("{number:08}{name}") } else { name.to_owned() }
}

/// A file has so many bytes for each of its `pages`, beyond what is given zeros.
const PAGE_BYTES: usize = 4096;
const PAGES_MAX: u8 = 64;

/// Files to be opened.
#[derive(Clone, Debug)]
pub struct Input {
    /// What the folder holds.
    pub files: Vec<File>,
    /// Whether checksums say what was changed: such damage may be found or be a torn end, but never be taken for data.
    pub is_guarded: bool,
}

impl Input {
    /// The files that these bytes describe, if they begin as they should.
    pub fn parse(bytes: &[u8]) -> Option<Input> {
        let (kind, rest) = bytes.split_first()?;
        let mut files = match kind.to_ascii_uppercase() {
            b'F' => files(rest),
            b'L' => changed(rest),
            _ => return None,
        };
        if kind.is_ascii_lowercase() {
            for file in &mut files {
                mend(&mut file.bytes);
            }
        }
        Some(Input { files, is_guarded: *kind == b'L' })
    }

    /// The bytes that describe these files.
    ///
    /// # Panics
    /// When one has a name or a size that no input can have.
    pub fn encode(files: &[File]) -> Vec<u8> {
        let mut bytes = vec![b'F'];
        for file in files {
            let mut names = (0..=u8::MAX).flat_map(|number| (0..10).map(move |kind| (kind, number)));
            let found = names.find(|(kind, number)| name(*kind, *number) == file.name);
            let (kind, number) = found.expect("a name of the list");
            let pages = file.bytes.len() / PAGE_BYTES;
            let length = file.bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            bytes.extend([kind, number]);
            bytes.push(u8::try_from(pages).expect("a small file"));
            bytes.extend(u16::try_from(length).expect("a small file").to_le_bytes());
            bytes.extend(&file.bytes[..length]);
        }
        bytes
    }
}

fn files(mut rest: &[u8]) -> Vec<File> {
    let mut files = Vec::new();
    while let Some(([kind, number, pages, low, high], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(after.len());
        let (given, next) = after.split_at(length);
        let mut bytes = given.to_vec();
        bytes.resize(length.max(usize::from(pages % (PAGES_MAX + 1)) * PAGE_BYTES), 0);
        files.push(File { name: name(*kind, *number), bytes });
        rest = next;
    }
    files
}

fn changed(changes: &[u8]) -> Vec<File> {
    let mut files = good_log().to_vec();
    let (changes, _rest) = changes.as_chunks();
    for [file, low, high, xor] in changes {
        let index = usize::from(*file) % files.len();
        let bytes = &mut files[index].bytes;
        let at = usize::from(u16::from_le_bytes([*low, *high]));
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= xor;
        }
    }
    files
}
