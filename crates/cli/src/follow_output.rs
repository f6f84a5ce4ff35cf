//! What `follow` prints: messages on standard output, how it is getting on on standard error.
//!
//! Takes the events of all follows and `now`, and says when the command is done. Does not know connections or tasks.

use crate::exit::{ResetText, Stop};
use crate::message_output::MessageOutput;
use crate::status_line::StatusLine;
use std::fmt;
use std::io::Write;
use std::time::Duration;
use tidings_client::{Failure, FollowError, FollowEvent, Message, Status, Transport};
use tidings_model::{Offset, Reset, Skip, StreamName, Timestamp};
use tokio::time::Instant;

/// Whether the command goes on after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Going {
    /// There may be more to print.
    On,
    /// As many messages as were asked for are printed.
    Done,
}

/// Whether a follow goes on after a reset that says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resets {
    /// The command ends.
    End,
    /// It is told, and the follow goes on.
    GoOn,
}

/// The output of `follow`.
pub(crate) struct FollowOutput<W, E: Write> {
    messages: MessageOutput<W>,
    status: StatusLine<E>,
    resets: Resets,
    progress: Progress,
    /// All follows share one session: how it is getting on is told by this one of them.
    teller: Option<StreamName>,
    outage: Option<Outage>,
    /// How many messages may still be printed.
    pub(crate) count_left: Option<u64>,
    /// How long the server may be out of reach.
    pub(crate) retry_for: Option<Duration>,
}

/// The server can't be reached since then.
struct Outage {
    since: Instant,
    failure: Failure,
}

impl<W: Write, E: Write> FollowOutput<W, E> {
    /// Nothing was printed yet.
    pub(crate) fn new(
        messages: MessageOutput<W>,
        status: StatusLine<E>,
        resets: Resets,
    ) -> FollowOutput<W, E> {
        let progress = Progress::default();
        FollowOutput {
            messages,
            status,
            resets,
            progress,
            teller: None,
            outage: None,
            count_left: None,
            retry_for: None,
        }
    }

    /// Prints what one of the follows has to say. `wall` is the time of day, for the lag.
    pub(crate) fn on_event(
        &mut self,
        stream: &StreamName,
        event: Result<FollowEvent, FollowError>,
        now: Instant,
        wall: Timestamp,
    ) -> Result<Going, Stop> {
        match event {
            Ok(FollowEvent::Messages(messages)) => return self.on_messages(stream, messages, wall),
            Ok(FollowEvent::Live { offset }) => {
                self.progress.offset = Some(offset);
                self.progress.is_live = true;
                self.status.show(&self.progress);
            }
            Ok(FollowEvent::Skipped(skip)) => self.on_skipped(stream, &skip),
            Ok(FollowEvent::Reset(reset)) => self.on_reset(stream, reset)?,
            Ok(FollowEvent::Closed { .. }) => self.on_closed(stream),
            Ok(FollowEvent::Status(status)) => self.on_status(stream, status, now),
            Err(error) => {
                self.status.clear();
                return Err(stop(error, stream));
            }
        }
        Ok(Going::On)
    }

    /// When [`FollowOutput::on_retry_ended`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.outage.as_ref()?.since + self.retry_for?)
    }

    /// The server was out of reach for too long.
    pub(crate) fn on_retry_ended(&mut self) -> Stop {
        self.status.clear();
        match self.outage.take() {
            Some(outage) => Stop::from(outage.failure),
            None => Stop::Failed(anyhow::anyhow!("the server was out of reach")),
        }
    }

    fn on_messages(
        &mut self,
        stream: &StreamName,
        mut messages: Vec<Message>,
        wall: Timestamp,
    ) -> Result<Going, Stop> {
        if let Some(left) = &mut self.count_left {
            messages.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= messages.len() as u64;
        }
        self.status.clear();
        self.messages.print(stream, &messages)?;
        if self.count_left == Some(0) {
            return Ok(Going::Done);
        }
        if let Some(last) = messages.last() {
            self.progress.offset = Some(last.offset);
            self.progress.lag = wall.since(last.time);
        }
        self.status.show(&self.progress);
        Ok(Going::On)
    }

    /// Told on standard error also where that is no terminal: what is missing in the output is never missing in silence.
    fn on_skipped(&mut self, stream: &StreamName, skip: &Skip) {
        self.progress.is_live = false;
        self.progress.offset = Some(skip.to);
        let Skip { from, to } = skip;
        self.status.notice(format_args!(
            "skipped {} messages of `{stream}`, from {from} to {to}: this follow stayed behind",
            skip.messages()
        ));
    }

    fn on_reset(&mut self, stream: &StreamName, reset: Reset) -> Result<(), Stop> {
        self.progress.is_live = false;
        let is_somewhere = reset.earliest.is_some() && reset.tail.is_some();
        match self.resets {
            Resets::GoOn if is_somewhere => {
                self.status.notice(format_args!("{}; going on there", ResetText { stream, reset: &reset }));
                Ok(())
            }
            Resets::GoOn | Resets::End => {
                self.status.clear();
                Err(Stop::Reset(stream.clone(), reset))
            }
        }
    }

    fn on_closed(&mut self, stream: &StreamName) {
        self.status.clear();
        self.teller.take_if(|teller| teller == stream);
    }

    fn on_status(&mut self, stream: &StreamName, status: Status, now: Instant) {
        let teller = self.teller.get_or_insert_with(|| stream.clone());
        match status {
            Status::Connected { .. } | Status::Retrying { .. } if teller != stream => {}
            Status::Connected { transport } => {
                self.outage = None;
                self.progress.transport = Some(transport);
                self.status.show(&self.progress);
            }
            Status::Retrying { after, failure } => {
                self.progress.is_live = false;
                if self.outage.is_none() {
                    self.status.notice(format_args!("{failure}; trying again"));
                }
                let since = self.outage.as_ref().map_or(now, |outage| outage.since);
                self.outage = Some(Outage { since, failure });
                self.status.show(format_args!("trying again in {:.1} s", after.as_secs_f32()));
            }
            Status::WaitingForStream { .. } => {
                self.status.show(format_args!("waiting until there is a stream `{stream}`"));
            }
        }
    }
}

fn stop(error: FollowError, stream: &StreamName) -> Stop {
    match error {
        FollowError::StreamNotFound => Stop::StreamNotFound(stream.clone()),
        FollowError::Reset(reset) => Stop::Reset(stream.clone(), reset),
        FollowError::Failed(failure) => Stop::from(failure),
        FollowError::Skipped(_) | FollowError::Closed => Stop::Failed(error.into()),
    }
}

/// How far it has come: the status line.
#[derive(Default)]
struct Progress {
    transport: Option<Transport>,
    offset: Option<Offset>,
    is_live: bool,
    /// From when the last message was stored until it was printed.
    lag: Duration,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Some(transport) => write!(f, "{transport}")?,
            None => f.write_str("connecting")?,
        }
        f.write_str(if self.is_live { " · live" } else { " · catching up" })?;
        if let Some(offset) = self.offset {
            write!(f, " · {offset}")?;
        }
        if !self.lag.is_zero() {
            write!(f, " · lag {:.3} s", self.lag.as_secs_f64())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message_output::{MessageForm, Naming};
    use crate::style::Style;
    use tidings_client::{Data, Unreachable};
    use tidings_model::ResetReason;

    type Output<'a> = FollowOutput<&'a mut Vec<u8>, &'a mut Vec<u8>>;

    fn output<'a>(out: &'a mut Vec<u8>, err: &'a mut Vec<u8>, resets: Resets) -> Output<'a> {
        let (form, naming, style) = (MessageForm::Plain, Naming::Unnamed, Style::Plain);
        FollowOutput::new(MessageOutput { out, form, naming, style }, StatusLine::on_terminal(err), resets)
    }

    fn stream() -> StreamName {
        StreamName::parse("a").unwrap()
    }

    fn place(index: u64) -> Offset {
        Offset::parse("0000000000000abc_0000000000000000").unwrap().at(index)
    }

    fn messages(indexes: std::ops::RangeInclusive<u64>) -> FollowEvent {
        let message = |index: u64| Message {
            offset: place(index),
            time: Timestamp(1000),
            data: Data::Json(index.to_string().into()),
        };
        FollowEvent::Messages(indexes.map(message).collect())
    }

    fn lost() -> FollowEvent {
        let failure = Failure::from(Unreachable::Ended);
        FollowEvent::Status(Status::Retrying { after: Duration::from_millis(1500), failure })
    }

    #[test]
    fn messages_go_out_and_the_status_follows() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = output(&mut out, &mut err, Resets::End);
        let now = Instant::now();
        for event in [
            FollowEvent::Status(Status::Connected { transport: Transport::Sse }),
            messages(1..=2),
            FollowEvent::Live { offset: place(2) },
            FollowEvent::Closed { offset: place(2) },
        ] {
            assert_eq!(output.on_event(&stream(), Ok(event), now, Timestamp(1250)).unwrap(), Going::On);
        }
        drop(output);
        assert_eq!(String::from_utf8(out).unwrap(), "1\n2\n");
        assert_eq!(
            String::from_utf8(err).unwrap().replace("\r\x1b[K", "|"),
            "|sse · catching up||sse · catching up · 0000000000000abc_0000000000000002 · lag 0.250 s\
             |sse · live · 0000000000000abc_0000000000000002 · lag 0.250 s|"
        );
    }

    #[test]
    fn it_is_done_after_as_many_messages_as_were_asked_for() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = output(&mut out, &mut err, Resets::End);
        output.count_left = Some(3);
        let mut print = |event| output.on_event(&stream(), Ok(event), Instant::now(), Timestamp(0)).unwrap();
        assert_eq!(print(messages(1..=2)), Going::On);
        assert_eq!(print(messages(3..=9)), Going::Done);
        drop(output);
        assert_eq!(String::from_utf8(out).unwrap(), "1\n2\n3\n");
    }

    #[test]
    fn an_outage_is_told_once_and_ends_the_command_when_its_time_is_up() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = output(&mut out, &mut err, Resets::End);
        output.retry_for = Some(Duration::from_secs(5));
        let start = Instant::now();
        let later = start + Duration::from_secs(2);
        assert_eq!(output.poll_timeout(), None);
        output.on_event(&stream(), Ok(lost()), start, Timestamp(0)).unwrap();
        output.on_event(&stream(), Ok(lost()), later, Timestamp(0)).unwrap();
        assert_eq!(output.poll_timeout(), Some(start + Duration::from_secs(5)));
        assert!(matches!(output.on_retry_ended(), Stop::Unreachable(Unreachable::Ended)));
        drop(output);
        let told = String::from_utf8(err).unwrap();
        assert_eq!(told.matches("tidings: the server ended the connection; trying again\n").count(), 1);
    }

    #[test]
    fn several_follows_tell_of_an_outage_once() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = output(&mut out, &mut err, Resets::End);
        let other = StreamName::parse("b").unwrap();
        let now = Instant::now();
        let connected = || FollowEvent::Status(Status::Connected { transport: Transport::Sse });
        output.on_event(&stream(), Ok(lost()), now, Timestamp(0)).unwrap();
        output.on_event(&stream(), Ok(connected()), now, Timestamp(0)).unwrap();
        output.on_event(&other, Ok(lost()), now, Timestamp(0)).unwrap();
        // The one that told it ends; another goes on.
        output.on_event(&stream(), Ok(FollowEvent::Closed { offset: place(2) }), now, Timestamp(0)).unwrap();
        output.on_event(&other, Ok(connected()), now, Timestamp(0)).unwrap();
        output.on_event(&other, Ok(lost()), now, Timestamp(0)).unwrap();
        drop(output);
        let told = String::from_utf8(err).unwrap();
        assert_eq!(told.matches("trying again\n").count(), 2, "{told}");
    }

    #[test]
    fn a_connection_ends_an_outage() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = output(&mut out, &mut err, Resets::End);
        output.retry_for = Some(Duration::from_secs(5));
        let connected = FollowEvent::Status(Status::Connected { transport: Transport::Poll });
        for event in [lost(), connected] {
            output.on_event(&stream(), Ok(event), Instant::now(), Timestamp(0)).unwrap();
        }
        assert_eq!(output.poll_timeout(), None);
    }

    #[test]
    fn what_is_skipped_is_told_and_it_goes_on() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = output(&mut out, &mut err, Resets::End);
        let skip = Skip { from: place(2), to: place(9) };
        for event in [messages(1..=2), FollowEvent::Skipped(skip), messages(10..=10)] {
            let going = output.on_event(&stream(), Ok(event), Instant::now(), Timestamp(1000));
            assert_eq!(going.unwrap(), Going::On);
        }
        drop(output);
        assert_eq!(String::from_utf8(out).unwrap(), "1\n2\n10\n");
        let told = String::from_utf8(err).unwrap();
        let notice = "tidings: skipped 7 messages of `a`, from 0000000000000abc_0000000000000002 to \
                      0000000000000abc_0000000000000009: this follow stayed behind\n";
        assert!(told.contains(notice), "{told}");
    }

    #[test]
    fn a_reset_ends_it_unless_it_was_told_to_go_on() {
        let trimmed = Reset { reason: ResetReason::Trimmed, earliest: Some(place(3)), tail: Some(place(9)) };
        let gone = Reset { reason: ResetReason::Deleted, earliest: None, tail: None };
        for (resets, reset, goes_on) in
            [(Resets::End, trimmed, false), (Resets::GoOn, trimmed, true), (Resets::GoOn, gone, false)]
        {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut output = output(&mut out, &mut err, resets);
            let event = Ok(FollowEvent::Reset(reset));
            let going = output.on_event(&stream(), event, Instant::now(), Timestamp(0));
            assert_eq!(going.is_ok(), goes_on, "{going:?}");
            let notice = "tidings: reset of `a`: the offset can't be continued (trimmed); \
                          earliest 0000000000000abc_0000000000000003; tail 0000000000000abc_0000000000000009; \
                          going on there\n";
            drop(output);
            assert_eq!(String::from_utf8(err).unwrap(), if goes_on { notice } else { "" });
        }
    }
}
