//! Writes the seeds: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`, after a change of the format.

use std::path::Path;
use std::{fs, io};
use tidings_fuzz::{Input, good_log};

fn main() -> io::Result<()> {
    let good = Input::encode(good_log());
    let mut mended = good.clone();
    mended[0] = b'f';
    write(
        "recovery",
        &[
            ("files", &good),
            ("files-mended", &mended),
            ("no-files", b"F"),
            ("log", b"L"),
            ("log-torn", b"L\x02\x00\x11\xff"),
            ("log-damaged", b"L\x00\x00\x12\x01"),
            ("log-mended", b"l\x00\x30\x10\x04\x01\x34\x10\x02"),
        ],
    )?;
    write(
        "block",
        &[
            ("good", b"B"),
            ("first-page", b"B\x00\x08\x10\x00\x10\x00\x18\x10\x00\x01"),
            ("page", b"P\x00\x00\x00\x00"),
        ],
    )
}

fn write(target: &str, seeds: &[(&str, &[u8])]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder)?;
    for (name, bytes) in seeds {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
