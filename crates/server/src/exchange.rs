//! Exchanges: one request that is being answered, as plain data that is stepped by whoever holds its connection.
//!
//! A slot of the worker steps it, or a task of hyper: the exchange does not know which. It never waits and does no
//! I/O; what it needs from elsewhere it asks of the [`Core`] and hears of later.

use crate::about::About;
use crate::authorise::Principal;
use crate::decision::Verdict;
use crate::decision::question::Question;
use crate::expiring::Over;
use crate::metrics::Asked;
use crate::transport::websocket::FirstSubscription;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use tidings_engine::Reply;
use tidings_protocol::Response;
use tidings_protocol::websocket::input::Input;

/// What others have answered, for an exchange that a task holds until it steps it.
pub(crate) enum Told {
    /// See [`Exchange::on_decision`].
    Decision(Question, Verdict),
    /// See [`Exchange::on_keys`].
    Keys,
}

impl Told {
    pub(crate) fn tell(&self, exchange: &mut dyn Exchange) {
        match self {
            Told::Decision(question, verdict) => exchange.on_decision(question, *verdict),
            Told::Keys => exchange.on_keys(),
        }
    }
}

/// A request on its way to its answer.
pub(crate) trait Exchange {
    /// Goes on as far as it can. What it has to say goes to `out`, in order. What it asks for, it asks as `owner`: who holds
    /// it knows whose it is.
    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance;

    /// What it asked for under `number` is here.
    fn on_reply(&mut self, number: u32, reply: Reply);

    /// The application has decided a question that it asked, or had to ask.
    fn on_decision(&mut self, _question: &Question, _verdict: Verdict) {}

    /// A fetch of the issuer's keys that it waits for has ended.
    fn on_keys(&mut self) {}

    /// The stream that it follows under `number` has changed.
    fn on_changed(&mut self, _number: u32) {}

    /// Bytes from the peer, in a connection that was upgraded. Takes what it can use.
    fn on_input(&mut self, _input: &mut Input<'_>, _owner: Owner, _core: &mut Core, _out: &mut Vec<Bytes>) {}

    /// How many bytes it is given at once: what they are made of may take far longer to look at than to read.
    fn input_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// Whether its peer has said the beginning of something, and not the rest.
    fn is_unfinished(&self) -> bool {
        false
    }

    /// Nothing was sent for the heartbeat interval.
    fn on_silence(&mut self, _out: &mut Vec<Bytes>) {}

    /// Nothing was heard from the peer for the heartbeat interval, though it was sent to: asks it to speak.
    fn on_unanswered(&mut self, _out: &mut Vec<Bytes>) {}

    /// Nothing was heard from the peer for far too long, although it was asked to speak.
    fn on_unheard(&mut self, _out: &mut Vec<Bytes>) {}

    /// The server is about to end.
    fn on_drain(&mut self, core: &mut Core, out: &mut Vec<Bytes>);

    /// Who asked is not believed any more: ends, if it would go on. What it has begun to store is stored.
    fn on_expired(&mut self, _over: Over, _core: &mut Core, _out: &mut Vec<Bytes>) {}

    /// Whether whoever has these rights may have what it goes on with.
    fn is_permitted(&self, _principal: &Principal) -> bool {
        true
    }

    /// Who may do what has changed: it ends, if what it goes on with is not for everybody's eyes any more. Whether it has to be stepped for
    /// that. (Of somebody who has a name, whoever holds it for them sees to that.)
    fn on_access_changed(&mut self, _core: &mut Core) -> bool {
        false
    }

    /// The time to come back within, should the server be lost without a word, is another one.
    fn on_window(&mut self, _core: &mut Core, _out: &mut Vec<Bytes>) {}

    /// What was asked for, of what ends with [`Advance::Respond`]; anything else was counted when it began.
    fn asked(&self) -> Asked {
        Asked::Other
    }

    /// How many messages it is behind: the furthest, of many streams. Asked only of who can't be written to.
    fn lag(&self) -> u64 {
        0
    }

    /// The index of the message that comes next on the stream that it follows under `number`.
    fn place(&self, _number: u32) -> Option<u64> {
        None
    }

    /// Says what it is, for an administrator.
    fn describe(&self, _about: &mut About) {}

    /// It is over, finished or not: leaves the streams that it follows.
    fn leave(&mut self, core: &mut Core);
}

/// What whoever wraps an exchange passes on to it, all of it: what an exchange may be told or asked besides what each wrapper sees to itself
/// (a step, a decision, other rules, what it is). To be named within `impl Exchange`, for a field `exchange`.
macro_rules! pass_on_to_exchange {
    () => {
        fn on_reply(&mut self, number: u32, reply: tidings_engine::Reply) {
            self.exchange.on_reply(number, reply);
        }

        fn on_keys(&mut self) {
            self.exchange.on_keys();
        }

        fn on_changed(&mut self, number: u32) {
            self.exchange.on_changed(number);
        }

        fn on_input(&mut self, input: &mut Input<'_>, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) {
            self.exchange.on_input(input, owner, core, out);
        }

        fn input_bytes_max(&self) -> usize {
            self.exchange.input_bytes_max()
        }

        fn is_unfinished(&self) -> bool {
            self.exchange.is_unfinished()
        }

        fn on_silence(&mut self, out: &mut Vec<Bytes>) {
            self.exchange.on_silence(out);
        }

        fn on_unanswered(&mut self, out: &mut Vec<Bytes>) {
            self.exchange.on_unanswered(out);
        }

        fn on_unheard(&mut self, out: &mut Vec<Bytes>) {
            self.exchange.on_unheard(out);
        }

        fn on_drain(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
            self.exchange.on_drain(core, out);
        }

        fn on_expired(&mut self, over: Over, core: &mut Core, out: &mut Vec<Bytes>) {
            self.exchange.on_expired(over, core, out);
        }

        fn is_permitted(&self, principal: &Principal) -> bool {
            self.exchange.is_permitted(principal)
        }

        fn on_window(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
            self.exchange.on_window(core, out);
        }

        fn asked(&self) -> crate::metrics::Asked {
            self.exchange.asked()
        }

        fn lag(&self) -> u64 {
            self.exchange.lag()
        }

        fn place(&self, number: u32) -> Option<u64> {
            self.exchange.place(number)
        }

        fn leave(&mut self, core: &mut Core) {
            self.exchange.leave(core);
        }
    };
}
pub(crate) use pass_on_to_exchange;

/// How far an exchange came.
pub(crate) enum Advance {
    /// It waits for a change, a reply or its peer; at the latest until that time of the worker's clock.
    Wait {
        /// Milliseconds; `u64::MAX` is for ever.
        until_ms: u64,
    },
    /// There is more to say as soon as this is flushed.
    More,
    /// This is the whole answer.
    Respond(Response),
    /// It has become what the request that it held is now: nobody but a waiting request does.
    Become(Box<Opened>),
    /// The stream of the answer is at its end.
    End,
}

impl Advance {
    pub(crate) const WAIT: Advance = Advance::Wait { until_ms: u64::MAX };
}

/// What a request has become.
pub(crate) enum Opened {
    /// Answered at once.
    Response(Response),
    /// To be answered when the exchange responds.
    Held(Box<dyn Exchange>),
    /// The head of the answer, and the exchange that writes the rest of it.
    Stream(Response, Box<dyn Exchange>),
    /// The answer after which the connection is a WebSocket, and what that one begins with.
    Upgrade(Response, FirstSubscription),
}

impl From<tidings_protocol::Problem> for Opened {
    fn from(problem: tidings_protocol::Problem) -> Opened {
        Opened::Response(Response::problem(&problem))
    }
}
