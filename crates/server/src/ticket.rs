//! `POST /v1/ticket`: a ticket for what can send no header.

use crate::authorise::{Principal, Right, authorise};
use crate::exchange::Opened;
use crate::worker::core::Core;
use serde_json::json;
use tidings_protocol::{CacheControl, Problem, Response, TicketRequest, header_name};

/// Gives one, for streams that the principal may read itself, whether they exist or not.
pub(crate) fn issue(principal: &Principal, body: &[u8], core: &Core) -> Result<Opened, Problem> {
    if principal.is_unnamed() && core.access.has_rules() {
        // Who sends no token needs no ticket either, and could use up those of others.
        return Err(Problem::unauthenticated());
    }
    let asked = TicketRequest::parse(body, core.settings.max_read_streams)?;
    asked.read.iter().try_for_each(|stream| authorise(principal, Right::Read, stream))?;
    let ticket = core.access.issue_ticket(principal, asked.read, core.now);
    let ticket = ticket.ok_or_else(|| Problem::too_busy(core.settings.ticket_timeout.as_secs().max(1)))?;
    let answer = json!({ "ticket": ticket, "expires_in": core.settings.ticket_timeout.as_secs() });
    let response = Response::new(200)
        .with_body("application/json", answer.to_string())
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore);
    Ok(Opened::Response(response))
}
