//! What is made of the definitions of the command line: version, completions, manual pages.

use crate::tidings;
use std::process::Command;

fn printed(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = tidings(folder.path(), arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_version_names_the_build() {
    let short = printed(&["-V"]);
    assert_eq!(short, format!("tidings {}\n", env!("CARGO_PKG_VERSION")));
    let long = printed(&["--version"]);
    let build = long.strip_prefix(&format!("{} (", short.trim_end())).expect("the version comes first");
    let build = build.strip_suffix(")\n").expect("the build stands in brackets");
    let target = build.rsplit(", ").next().unwrap();
    assert!(target.split('-').count() == 3 || target.split('-').count() == 4, "{long}");
}

/// Each shell reads what was made for it, where it is there.
#[test]
fn completions_are_scripts_of_their_shells() {
    for (shell, check) in
        [("bash", &["bash", "-n"][..]), ("zsh", &["zsh", "-n"]), ("fish", &["fish", "--no-execute"])]
    {
        let script = printed(&["completions", shell]);
        assert!(script.contains("doctor") && script.contains("long-poll-timeout-max"), "{shell}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        std::fs::write(&file, script).unwrap();
        // Not every machine has every shell.
        if let Ok(output) = Command::new(check[0]).args(&check[1..]).arg(&file).output() {
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn bash_completes_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.bash");
    std::fs::write(&file, printed(&["completions", "bash"])).unwrap();
    let script = "source \"$1\"; COMP_WORDS=(tidings doc); COMP_CWORD=1; _tidings tidings doc tidings; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", script, "bash"]).arg(&file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "doctor", "{output:?}");
}

#[test]
fn each_command_has_its_page_in_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let output = tidings(folder.path(), &["man", "--to", "man1"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for page in ["tidings", "tidings-serve", "tidings-doctor", "tidings-log-backup"] {
        let file = folder.path().join("man1").join(format!("{page}.1"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    let serve = std::fs::read_to_string(folder.path().join("man1/tidings-serve.1")).unwrap();
    assert!(serve.contains("TIDINGS_LONG_POLL_TIMEOUT_MAX"), "settings and their variables stand there");
}
