//! Who may see `/metrics`: administrators of the whole server.

use super::tokens::{NARROW_KEY, hash};
use crate::wire::Wire;
use tidings_testkit::Server;

#[test]
fn metrics_are_for_administrators_of_all_streams() {
    const SCRAPER: &str = "tidings_scraper_0123456789abcdef0123456789";
    let key = |name: &str, key: &str, pattern: &str| {
        format!("[[keys]]\nname = \"{name}\"\nhash = \"sha256:{}\"\nadmin = [\"{pattern}\"]\n", hash(key))
    };
    let settings = key("scraper", SCRAPER, "**") + &key("other", NARROW_KEY, "mine/**");
    let server = Server::builder().settings_file(&settings).start();
    let ask = |fields: &str| {
        Wire::connect(&server).ask(format!("GET /metrics HTTP/1.1\r\nHost: t\r\n{fields}\r\n"))
    };
    assert_eq!(ask("").status, 401);
    assert_eq!(ask("Authorization: Bearer nonsense\r\n").status, 401);
    assert_eq!(ask(&format!("Authorization: Bearer {NARROW_KEY}\r\n")).status, 403);
    let page = ask(&format!("Authorization: Bearer {SCRAPER}\r\n"));
    assert_eq!(
        (page.status, page.field("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    assert!(page.text().contains("tidings_problems_total{code=\"unauthenticated\"} 2\n"));
    assert!(page.text().contains("tidings_problems_total{code=\"forbidden\"} 1\n"));
}
