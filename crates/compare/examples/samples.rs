//! Writes made-up findings, their reports and their charts into a folder, and those of findings that were measured:
//! `cargo run -p tidings-compare --example samples -- FOLDER [FINDINGS.json…]`. What the checks in Chromium look at, and whoever works
//! on the report.

#[path = "../tests/saying/sample.rs"]
mod sample;

use std::fs;
use std::path::{Path, PathBuf};
use tidings_compare::{Chart, Findings, write_chart, write_report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "target/samples".to_owned()));
    fs::create_dir_all(&folder)?;
    let made_up = [
        ("plain", sample::findings()),
        ("troubled", sample::troubled()),
        ("elsewhere", sample::elsewhere()),
        ("sweep", sample::sweep()),
    ];
    for (name, findings) in made_up {
        write(&folder, name, &findings)?;
    }
    for file in arguments.map(PathBuf::from) {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        write(&folder, &name, &Findings::from_json(&fs::read_to_string(file)?)?)?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, findings: &Findings) -> std::io::Result<()> {
    fs::write(folder.join(format!("{name}.json")), serde_json::to_vec(findings)?)?;
    let mut report = Vec::new();
    write_report(findings, &mut report)?;
    fs::write(folder.join(format!("{name}.html")), report)?;
    for chart in Chart::ALL.into_iter().filter(|chart| chart.is_in(findings)) {
        let mut svg = Vec::new();
        write_chart(findings, chart, &mut svg)?;
        fs::write(folder.join(format!("{name}-{}.svg", chart.name())), svg)?;
    }
    Ok(())
}
