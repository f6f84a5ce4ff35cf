//! The application of the guide, as it stands there.

use crate::signing::{Key, set};
use crate::{ask, get, with_token};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tidings_testkit::{Elsewhere, Server, Told};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The process, which ends with the value.
struct Application(Child);

impl Drop for Application {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Starts what stands in the guide; the port that it listens on.
fn start(folder: &std::path::Path) -> (Application, String) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/7-who-may-do-what.md");
    let page = std::fs::read_to_string(page).expect("the guide is there");
    let code = page
        .split("```js application\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("it has an application");
    let path = folder.join("application.mjs");
    std::fs::write(&path, code).expect("a temporary file can be written");
    let mut command = Command::new("node");
    command.arg(path).env("PORT", "0").env("WEBHOOK_SECRET", SECRET).stdout(Stdio::piped());
    let mut child = command.spawn().expect("Node.js is there");
    let mut port = String::new();
    let output = child.stdout.take().expect("its output is piped");
    BufReader::new(output).read_line(&mut port).expect("it says its port");
    (Application(child), port.trim().to_owned())
}

#[test]
fn the_application_of_the_guide_decides() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let (_application, port) = start(folder.path());
    let key = Key::new("a");
    let keys = set(&[&key]);
    let issuer = Elsewhere::start(move |_| Told::json(&keys));
    let secret = secret.display().to_string();
    let (url, keys) = (format!("http://127.0.0.1:{port}/may"), issuer.url("/"));
    let server = Server::builder()
        .settings_file(&format!(
            "webhook_url = {url:?}\nwebhook_secret_file = {secret:?}\ntoken_keys_url = {keys:?}\n\
             [[rights]]\nto = \"token\"\nread = [\"**\"]\n"
        ))
        .start();
    let status = |stream: &str, subject: &str| {
        let token = key.sign(&json!({ "sub": subject, "exp": crate::signing::now_s() + 600 }));
        ask(&server, &with_token(get(&format!("/v1/stream/{stream}")), &token)).status
    };
    assert_eq!(status("rooms/1", "ann"), 404);
    assert_eq!(status("rooms/1", "eve"), 403);
    assert_eq!(status("rooms/2", "ann"), 403);
}
