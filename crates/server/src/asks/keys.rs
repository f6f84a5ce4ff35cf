//! The keys that an issuer publishes (JWKS): fetched, kept current, kept while the issuer is away.
//!
//! What is fetched replaces what was there: keys that its issuer has taken back are gone. What is no set of keys changes nothing.

use super::caller::{Caller, Limits};
use super::key_file::KeyFile;
use crate::metrics::{Fetched, ServerMetrics};
use crate::settings::{AskUrl, Settings};
use crate::worker::Common;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::Full;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidings_auth::{KeySet, Published};
use tidings_model::Timestamp;
use tokio::sync::Notify;

/// The largest set, and how long it may take to arrive.
const LIMITS: Limits = Limits { bytes_max: 256 << 10, time_max: Duration::from_secs(10) };

/// What happens at the moment.
const RESTING: u8 = 0;
const MAY_FETCH: u8 = 1;
const FETCHING: u8 = 2;

/// The keys as workers see them.
pub(crate) struct Keys {
    published: Mutex<Published>,
    /// How many fetches have ended: whoever has seen fewer looks again.
    news: AtomicU64,
    phase: AtomicU8,
    wanted: Notify,
    /// When what there is was fetched.
    fetched: Mutex<Option<Timestamp>>,
}

impl Keys {
    /// Those that were kept from earlier, if they are of the same issuer and not too old.
    pub(super) fn new(settings: &Settings, now: Timestamp) -> Keys {
        let kept = settings.token_keys_url.as_ref().and_then(|url| KeyFile::of(settings, url).load());
        let kept =
            kept.filter(|kept| settings.token_keys_keep.is_none_or(|keep| now < kept.fetched.after(keep)));
        let fetched = kept.as_ref().map(|kept| kept.fetched);
        let keys = kept.and_then(|kept| KeySet::parse_published(&kept.body).ok());
        let published = match (keys, &settings.token_keys_url) {
            (_, None) => Published::Nowhere,
            (None, Some(_)) => Published::Awaited,
            (Some(keys), Some(_)) => Published::There { keys: Arc::new(keys), is_current: false },
        };
        let has_url = settings.token_keys_url.is_some();
        Keys {
            published: Mutex::new(published),
            news: AtomicU64::new(0),
            // The first fetch begins with the thread.
            phase: AtomicU8::new(if has_url { FETCHING } else { RESTING }),
            wanted: Notify::new(),
            fetched: Mutex::new(fetched),
        }
    }

    /// A token came whose key is not known. Says whether it is worth to wait for the end of a fetch.
    pub(crate) fn want(&self) -> bool {
        let begun = self.phase.compare_exchange(MAY_FETCH, FETCHING, Ordering::Relaxed, Ordering::Relaxed);
        match begun {
            Ok(_) => {
                self.wanted.notify_one();
                true
            }
            Err(phase) => phase == FETCHING,
        }
    }

    /// How many fetches have ended.
    pub(crate) fn news(&self) -> u64 {
        self.news.load(Ordering::Acquire)
    }

    /// Says how many there are, and how old they are.
    pub(super) fn report(&self, metrics: &ServerMetrics, now: Timestamp) {
        let (count, age) = match self.published() {
            Published::There { keys, .. } => {
                (keys.len(), self.fetched().map_or(Duration::ZERO, |fetched| now.since(fetched)))
            }
            Published::Nowhere | Published::Awaited => (0, Duration::ZERO),
        };
        metrics.published_keys.set(count as u64);
        metrics.key_age.set(age);
    }

    /// What is believed now.
    pub(crate) fn published(&self) -> Published {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, published: Published) {
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = published;
    }

    fn fetched(&self) -> Option<Timestamp> {
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// New keys are here. Says whether they are other ones than before.
    fn on_fetched(&self, keys: KeySet, is_same: bool, now: Timestamp) {
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let keys = match self.published() {
            // The same, so that whoever has them sees that nothing has changed.
            Published::There { keys, .. } if is_same => keys,
            Published::There { .. } | Published::Nowhere | Published::Awaited => Arc::new(keys),
        };
        self.publish(Published::There { keys, is_current: true });
    }

    /// There was no answer: what there is is kept, for as long as it may be. For how long that still is.
    fn on_failed(&self, keep: Option<Duration>, now: Timestamp) -> Option<Duration> {
        let Published::There { keys, .. } = self.published() else { return None };
        let left = keep.zip(self.fetched()).map(|(keep, fetched)| fetched.after(keep).since(now));
        if left == Some(Duration::ZERO) {
            log::error!(
                "the issuer's keys are too old (`token_keys_keep`): its tokens are not believed any more"
            );
            self.publish(Published::Awaited);
            return None;
        }
        self.publish(Published::There { keys, is_current: false });
        left
    }

    /// A fetch has ended: workers shall look.
    fn on_ended(&self, common: &Common) {
        self.phase.store(RESTING, Ordering::Relaxed);
        self.news.fetch_add(1, Ordering::Release);
        common.engine.wake_workers();
    }
}

/// When the next fetch is due.
struct Schedule {
    pause: Duration,
    refresh: Duration,
    failures: u32,
}

impl Schedule {
    /// After an answer, which may say for how long it holds.
    fn after_answer(&mut self, max_age: Option<Duration>) -> Duration {
        self.failures = 0;
        max_age.unwrap_or(self.refresh).min(self.refresh).max(self.pause)
    }

    /// After a failure: sooner, and twice as late after each other one.
    fn after_failure(&mut self) -> Duration {
        let wait = self.pause.saturating_mul(1 << self.failures.min(16));
        self.failures += 1;
        wait.min(self.refresh).max(self.pause)
    }
}

/// Fetches the keys, again and again. Never ends.
pub(super) async fn keep_current(common: &Common, caller: &Caller) {
    // None of what concerns others changes before the next start.
    let settings = common.settings.get();
    let Some(url) = &settings.token_keys_url else { return std::future::pending().await };
    let keys = &common.asks.keys;
    let file = KeyFile::of(&settings, url);
    let mut schedule =
        Schedule { pause: settings.token_keys_pause, refresh: settings.token_keys_refresh, failures: 0 };
    // What the last answer was, so that it is seen when it changes.
    let mut last_body = None;
    loop {
        let fetches = &common.registry.server.key_fetches;
        let wait = match fetch(url, caller).await {
            Ok(Answered { keys: fetched, body, max_age }) => {
                fetches.of(Fetched::Keys).count();
                if 0 < schedule.failures {
                    log::info!("the issuer's keys are fetched from {} again", url.place());
                }
                let now = common.engine.now();
                let is_same = last_body.as_ref() == Some(&body);
                if !is_same {
                    log::info!("the issuer publishes {} keys at {}", fetched.len(), url.place());
                }
                if let Err(error) = file.save(&body, now) {
                    log::warn!("the issuer's keys can't be kept for a restart without it: {error}");
                }
                keys.on_fetched(fetched, is_same, now);
                last_body = Some(body);
                schedule.after_answer(max_age)
            }
            Err(reason) => {
                fetches.of(Fetched::Failed).count();
                if schedule.failures == 0 {
                    log::warn!(
                        "the issuer's keys can't be fetched from {}, which {reason}; those of before are kept",
                        url.place()
                    );
                }
                let left = keys.on_failed(settings.token_keys_keep, common.engine.now());
                schedule.after_failure().min(left.unwrap_or(Duration::MAX))
            }
        };
        keys.on_ended(common);
        tokio::time::sleep(settings.token_keys_pause).await;
        keys.phase.store(MAY_FETCH, Ordering::Relaxed);
        tokio::select! {
            () = tokio::time::sleep(wait.saturating_sub(settings.token_keys_pause)) => {}
            () = keys.wanted.notified() => {}
        }
        keys.phase.store(FETCHING, Ordering::Relaxed);
    }
}

struct Answered {
    keys: KeySet,
    body: Vec<u8>,
    max_age: Option<Duration>,
}

/// One fetch; an error says what the issuer does: "answers 404".
async fn fetch(url: &AskUrl, caller: &Caller) -> Result<Answered, String> {
    let request = Request::builder()
        .method(Method::GET)
        .uri(url.uri().clone())
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .header(header::USER_AGENT, super::webhook::USER_AGENT)
        .body(Full::new(Bytes::new()))
        .map_err(|error| error.to_string())?;
    let answer = caller.ask(request, LIMITS).await.map_err(|error| error.to_string())?;
    if answer.status != StatusCode::OK {
        let hint = if answer.status.is_redirection() { "; redirects are not followed" } else { "" };
        return Err(format!("answers {}{hint}", answer.status.as_u16()));
    }
    let keys = KeySet::parse_published(&answer.body);
    let keys = keys.map_err(|invalid| format!("answers what {invalid}"))?;
    Ok(Answered { keys, max_age: max_age_of(&answer.headers), body: answer.body })
}

/// For how long an answer holds, if it says so.
fn max_age_of(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = directives.flat_map(|value| value.split(',')).map(str::trim);
    let seconds = directives.find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse().ok())?
    });
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn the_issuer_says_how_often_within_bounds_and_failures_are_tried_again_sooner() {
        let mut schedule = Schedule { pause: S(10), refresh: S(900), failures: 0 };
        assert_eq!(schedule.after_answer(None), S(900));
        assert_eq!(schedule.after_answer(Some(S(60))), S(60));
        assert_eq!(schedule.after_answer(Some(S(0))), S(10));
        assert_eq!(schedule.after_answer(Some(S(1 << 40))), S(900));
        let waits: Vec<_> = (0..9).map(|_| schedule.after_failure().as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
        schedule.after_answer(None);
        assert_eq!(schedule.after_failure(), S(10));
    }

    #[test]
    fn how_long_an_answer_holds_stands_in_its_head() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, value.parse().unwrap());
            max_age_of(&headers)
        };
        assert_eq!(of("public, max-age=60"), Some(S(60)));
        assert_eq!(of("Max-Age=\"7\""), Some(S(7)));
        assert_eq!(of("no-store"), None);
        assert_eq!(of("max-age=x"), None);
    }
}
