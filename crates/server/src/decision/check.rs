//! What of a request the application has to be asked about, and what it has said.

use super::Verdict;
use super::permits::Permits;
use super::question::{Question, Via, Whence};
use super::waiting::Waiting;
use crate::authorise::{Principal, Right, refusal};
use crate::cross_origin::Caller;
use crate::exchange::Opened;
use crate::request::Request;
use crate::worker::core::Core;
use tidings_model::StreamName;
use tidings_protocol::{Headers, Method, Problem, ReadManyRequest, Route, TicketRequest};

/// What is to become of a request.
pub(crate) enum Checked {
    /// It goes on, as this one, with these permits if it follows anything.
    Permitted(Principal, Permits),
    /// It waits for answers.
    Waits(Opened),
}

/// Questions, each with its verdict if that is known.
pub(crate) type Verdicts = Vec<(Question, Option<Verdict>)>;

/// Looks what is known of all that the request asks for, beside what it has brought from waiting; asks for the rest.
pub(crate) fn check<H: Headers + ?Sized>(
    principal: &Principal,
    (route, query): (&Route, &str),
    request: &Request<'_, H>,
    (caller, brought): (&Caller, Verdicts),
    core: &mut Core,
) -> Result<Checked, Problem> {
    let (right, streams, via) = asked_for(route, query, request, core);
    let whence = Whence { address: request.address(), via };
    // What the rules forbid is not asked about: it is refused all the same.
    let streams = streams.into_iter().filter(|stream| principal.may(right, stream));
    let questions = streams.map(|stream| Question::of_right(principal, right, stream, whence));
    let verdicts = look_up(questions, brought, core);
    if verdicts.iter().any(|(_, verdict)| verdict.is_none()) {
        if matches!(via, Via::LongPoll | Via::Sse) {
            // It would be refused anyway: nobody is asked in vain.
            core.admit_follower()?;
        }
        let waiting = Waiting::for_verdicts((request, caller), principal, verdicts, core)?;
        return Ok(Checked::Waits(Opened::Held(Box::new(waiting))));
    }
    let mut permits = Permits::default();
    let mut forbidden = Vec::new();
    for (question, verdict) in verdicts {
        match verdict {
            Some(Verdict::Yes { until_ms }) if right == Right::Read => permits.add(question, until_ms),
            Some(Verdict::Yes { .. }) => {}
            Some(Verdict::No) => forbidden.extend(question.stream),
            Some(Verdict::Nobody) | None => return Err(core.decisions.unavailable()),
        }
    }
    match (forbidden.is_empty(), route) {
        (true, _) => Ok(Checked::Permitted(principal.clone(), permits)),
        // The others go on.
        (false, Route::ReadMany) => Ok(Checked::Permitted(principal.without(forbidden), permits)),
        (false, _) => Err(refusal(principal, right)),
    }
}

/// Whether somebody may have a WebSocket, as [`check`]: what it waits for, if it has to.
pub(crate) fn check_connection<H: Headers + ?Sized>(
    principal: &Principal,
    stream: Option<&StreamName>,
    request: &Request<'_, H>,
    (caller, brought): (&Caller, Verdicts),
    core: &mut Core,
) -> Result<Option<Opened>, Problem> {
    let question = Question::of_connection(principal, stream.cloned(), request.address());
    let verdicts = look_up(std::iter::once(question), brought, core);
    match verdicts.first() {
        None | Some((_, Some(Verdict::Yes { .. }))) => Ok(None),
        Some((_, Some(Verdict::No))) if principal.is_unnamed() => Err(Problem::unauthenticated()),
        Some((_, Some(Verdict::No))) => Err(Problem::forbidden("open a WebSocket")),
        Some((_, Some(Verdict::Nobody))) => Err(core.decisions.unavailable()),
        Some((_, None)) => {
            let waiting = Waiting::for_verdicts((request, caller), principal, verdicts, core)?;
            Ok(Some(Opened::Held(Box::new(waiting))))
        }
    }
}

/// The verdicts on these questions, as far as they are known. Those that the application is not asked are left out.
pub(crate) fn look_up(
    questions: impl Iterator<Item = Question>,
    mut brought: Verdicts,
    core: &mut Core,
) -> Verdicts {
    let mut verdicts = Vec::new();
    for question in questions {
        if !core.decisions.concern(&question) {
            continue;
        }
        let at = brought.iter().position(|(asked, _)| *asked == question);
        let brought = at.and_then(|at| brought.swap_remove(at).1);
        let verdict = brought.or_else(|| core.decisions.known(&question, core.now_ms));
        verdicts.push((question, verdict));
    }
    verdicts
}

/// The right that a request needs, and on which streams. What is not right in another way is told later.
fn asked_for<H: Headers + ?Sized>(
    route: &Route,
    query: &str,
    request: &Request<'_, H>,
    core: &Core,
) -> (Right, Vec<StreamName>, Via) {
    let streams_max = core.settings.max_read_streams;
    match (route, request.method) {
        (Route::Stream(name), Method::Get) => (Right::Read, vec![name.clone()], Via::of_read(query)),
        (Route::Stream(name), Method::Head) => (Right::Read, vec![name.clone()], Via::Http),
        (Route::Stream(name), Method::Put) => (Right::Create, vec![name.clone()], Via::Http),
        (Route::Stream(name), Method::Post) => (Right::Publish, vec![name.clone()], Via::Http),
        (Route::Stream(name), Method::Delete) => (Right::Delete, vec![name.clone()], Via::Http),
        (Route::ReadMany, _) => {
            let asked = ReadManyRequest::parse(query, &request.body, streams_max);
            let streams = asked.map(|asked| asked.streams.into_iter().map(|(name, _)| name).collect());
            (Right::Read, streams.unwrap_or_default(), Via::of_read(query))
        }
        (Route::Ticket, _) => {
            let asked = TicketRequest::parse(&request.body, streams_max);
            (Right::Read, asked.map(|asked| asked.read).unwrap_or_default(), Via::Http)
        }
        // The list and what administrators do are matters of the rules alone, and health of nobody; a WebSocket asks for itself.
        (
            Route::Streams
            | Route::Admin(_)
            | Route::Metrics
            | Route::WebSocket
            | Route::HealthLive
            | Route::HealthReady,
            _,
        )
        | (Route::Stream(_), Method::Options | Method::Other) => (Right::Read, Vec::new(), Via::Http),
    }
}
