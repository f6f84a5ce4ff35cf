//! The files of `deploy`: well-formed, and about flags and settings that exist.

use crate::{root, tidings};
use std::path::Path;
use std::process::{Command, Output};
use tidings_testkit::tidings_binary;

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The values of a key of the unit.
fn unit_values<'u>(unit: &'u str, key: &str) -> Vec<&'u str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

/// The settings of a command line as it stands in a file, under `variables`, with that settings file in place of the one it names.
fn check_settings(command_line: &str, variables: &[&str], settings: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let mut words = command_line.split_whitespace();
    assert_eq!((words.next(), words.next()), (Some("/usr/bin/tidings"), Some("serve")), "{command_line}");
    let settings = settings.to_str().unwrap();
    let words = words.map(|word| if word == "/etc/tidings/tidings.toml" { settings } else { word });
    let mut command = tidings(folder.path(), &["config", "check"]);
    command.args(words);
    for variable in variables {
        let (name, value) = variable.split_once('=').unwrap_or_else(|| panic!("{variable} has no value"));
        command.env(name, if name == "TIDINGS_CONFIG" { settings } else { value });
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command_line}: {}", text(&output));
}

#[test]
fn the_unit_runs_what_there_is() {
    let unit = read("deploy/tidings.service");
    let start = unit_values(&unit, "ExecStart");
    let packaged = root().join("deploy/debian/tidings.toml");
    check_settings(start[0], &unit_values(&unit, "Environment"), &packaged);
    assert_eq!(unit_values(&unit, "Type"), ["notify"], "and the server notifies");
}

/// By systemd itself, where it is there.
#[test]
fn the_unit_is_well_formed_and_hardened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.service");
    let binary = tidings_binary();
    let unit = read("deploy/tidings.service").replace("/usr/bin/tidings", &binary.display().to_string());
    std::fs::write(&file, unit).unwrap();
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).arg(&file).output();
    let Ok(verified) = analyze(&["verify", "--man=no"]) else { return };
    assert!(verified.status.success(), "{}", text(&verified));
    assert_eq!(text(&verified).matches("tidings.service").count(), 0, "{}", text(&verified));
    // From 0, nothing can be reached from it, to 100.
    let secured = analyze(&["security", "--offline=true", "--threshold=15"]).unwrap();
    assert!(secured.status.success(), "{}", text(&secured));
}

#[test]
fn the_container_runs_what_there_is() {
    let file = read("deploy/Containerfile");
    let image = file.rsplit_once("FROM scratch").expect("the image has nothing but the program").1;
    let line = |word: &str| {
        image.lines().find_map(|line| line.strip_prefix(word)).unwrap_or_else(|| panic!("{word}"))
    };
    let words = |list: &str| -> Vec<String> { serde_json::from_str(list.trim()).unwrap() };
    let command_line = [words(line("ENTRYPOINT ")), words(line("CMD "))].concat().join(" ");
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("tidings.toml");
    std::fs::write(&settings, "[[rights]]\nto = \"anybody\"\nread = [\"**\"]\n").unwrap();
    let variables: Vec<&str> = line("ENV ").split_whitespace().collect();
    check_settings(&command_line, &variables, &settings);
    assert!(!line("USER ").starts_with('0') && !line("USER ").contains("root"));
    let used = ["TIDINGS_COMMIT", "TIDINGS_COMMIT_DATE"];
    let build = read("crates/cli/build.rs");
    assert!(
        used.iter().all(|name| file.contains(&format!("{name}=$")) && build.contains(&format!("\"{name}\"")))
    );
}

#[test]
fn the_scripts_are_scripts_and_the_package_finds_its_files() {
    for script in
        ["deploy/debian.sh", "deploy/check-debian.sh", "deploy/debian/postinst", "deploy/debian/postrm"]
    {
        let checked = Command::new("sh").arg("-n").arg(root().join(script)).output().unwrap();
        assert!(checked.status.success(), "{script}: {}", text(&checked));
    }
    let manifest = read("crates/cli/Cargo.toml");
    let package = manifest.split_once("[package.metadata.deb]").expect("there is a package").1;
    let made = read("deploy/debian.sh");
    for path in package.split('"').filter(|word| word.starts_with("../../")) {
        let from_root = path.trim_start_matches("../../");
        let part =
            from_root.strip_prefix("target/debian-parts/").map(|part| part.split("/*").next().unwrap());
        let is_there =
            part.map_or(root().join(from_root).exists(), |part| made.contains(&format!("$parts/{part}")));
        assert!(is_there, "{path}");
    }
}
