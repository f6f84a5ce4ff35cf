//! Questions of all workers to the application: equal ones once, a limited number at a time, and none while it is away.

use super::breaker::{Breaker, Change};
use super::caller::{Caller, Limits};
use super::{Answer, Asked, webhook};
use crate::decision::question::Question;
use crate::metrics::Decided;
use crate::settings::{AskUrl, Settings};
use crate::worker::Common;
use std::collections::{HashMap, VecDeque};
use std::net::Ipv6Addr;
use std::time::Duration;
use tidings_auth::Principal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The largest answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// How long a question stands in the line at most: who waits for it has gone then, or would have to wait too long.
pub(crate) fn line_time_max(settings: &Settings) -> Duration {
    /// As many times as long as an answer may take.
    const TIMES: u32 = 5;
    const MOST: Duration = Duration::from_secs(15);
    settings.webhook_timeout.saturating_mul(TIMES).min(MOST)
}

/// What came of a question, or why nothing did, and how long that took.
struct Outcome {
    question: Question,
    result: Result<Answer, String>,
    took: Duration,
}

/// A question that stands in the line.
struct Next {
    question: Question,
    principal: Principal,
    since: Instant,
}

struct Line<'c> {
    common: &'c Common,
    settings: &'c Settings,
    url: &'c AskUrl,
    caller: &'c Caller,
    /// What is to be asked, in the order in which it came.
    next: VecDeque<Next>,
    /// Who wants to know, of all that is not answered yet: workers, and for what address.
    wanted: HashMap<Question, Vec<(usize, Ipv6Addr)>>,
    running: JoinSet<Outcome>,
    breaker: Breaker,
}

/// Answers the questions. Never ends.
pub(super) async fn answer_all(common: &Common, caller: &Caller, questions: Option<mpsc::Receiver<Asked>>) {
    let settings = common.settings.get();
    let Some((url, mut questions)) = settings.webhook_url.as_ref().zip(questions) else {
        return std::future::pending().await;
    };
    let mut line = Line {
        common,
        settings: &settings,
        url,
        caller,
        next: VecDeque::new(),
        wanted: HashMap::new(),
        running: JoinSet::new(),
        breaker: Breaker::new(settings.webhook_failures, settings.webhook_pause),
    };
    loop {
        line.begin();
        tokio::select! {
            // Both wait for what is kept elsewhere: the one that comes second is still there. What is answered makes room.
            biased;
            Some(outcome) = line.running.join_next() => {
                // A question that panics is one that we got wrong: nobody is answered any more, and the log says why.
                line.on_outcome(outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())));
            }
            asked = questions.recv() => match asked {
                Some(asked) => line.on_asked(asked),
                // All who could ask have gone.
                None => return std::future::pending().await,
            },
        }
    }
}

impl Line<'_> {
    fn on_asked(&mut self, Asked { question, principal, worker, place }: Asked) {
        let workers = self.wanted.entry(question.clone()).or_default();
        workers.push((worker, place));
        // The others are told with the first one.
        if workers.len() == 1 {
            self.next.push_back(Next { question, principal, since: Instant::now() });
        }
    }

    /// Asks as many as may be asked at a time.
    fn begin(&mut self) {
        while self.running.len() < self.settings.webhook_concurrency {
            let Some(Next { question, principal, since }) = self.next.pop_front() else { return };
            let now = Instant::now();
            let metrics = &self.common.registry.server.decided;
            if line_time_max(self.settings) <= now.saturating_duration_since(since) {
                metrics.of(Decided::Late).count();
                self.tell(&question, Answer::Late);
            } else if self.breaker.may_ask(now) {
                self.ask(question, &principal);
            } else {
                metrics.of(Decided::LeftAlone).count();
                self.tell(&question, Answer::Nothing);
            }
        }
    }

    fn ask(&mut self, question: Question, principal: &Principal) {
        let settings = self.settings;
        let (key, now) = (settings.webhook_key.as_ref(), self.common.engine.now());
        let request = webhook::request(self.url, key, (&question, principal), now);
        let limits = Limits { bytes_max: ANSWER_BYTES_MAX, time_max: settings.webhook_timeout };
        let caller = self.caller.clone();
        let begun = Instant::now();
        self.running.spawn(async move {
            let answer = caller.ask(request, limits).await.map_err(|reason| reason.to_string());
            let result = answer.and_then(|answer| webhook::parse(&answer));
            Outcome { question, result, took: begun.elapsed() }
        });
    }

    fn on_outcome(&mut self, Outcome { question, result, took }: Outcome) {
        let place = self.url.place();
        let metrics = &self.common.registry.server;
        metrics.deciding.observe(took);
        metrics.decided.of(decided(&result)).count();
        let answer = match result {
            Ok(answer) => {
                if self.breaker.on_answer() == Change::Closed {
                    log::info!("the application at {place} answers again");
                }
                answer
            }
            Err(reason) => {
                log::debug!("the application at {place} {reason}");
                if self.breaker.on_failure(Instant::now()) == Change::Opened {
                    log::warn!(
                        "the application at {place} {reason}; it is left alone for a while (`webhook_pause`)"
                    );
                }
                Answer::Nothing
            }
        };
        metrics.left_alone.set(u64::from(self.breaker.is_open()));
        self.tell(&question, answer);
    }

    /// Tells whoever wants to know.
    fn tell(&mut self, question: &Question, answer: Answer) {
        for (worker, place) in self.wanted.remove(question).unwrap_or_default() {
            self.common.asks.on_answered(place);
            self.common.doors[worker].tell_answer(question.clone(), answer);
        }
    }
}

fn decided(result: &Result<Answer, String>) -> Decided {
    match result {
        Ok(Answer::Given { allow: true, .. }) => Decided::Allowed,
        Ok(Answer::Given { allow: false, .. }) => Decided::Forbidden,
        Ok(Answer::Nothing | Answer::Late) | Err(_) => Decided::Failed,
    }
}
