//! `tidings follow`: prints what is stored and goes on with what is published, for ever.

use crate::exit::Stop;
use crate::follow_output::{FollowOutput, Going, Resets};
use crate::message_output::{MessageForm, MessageOutput, Naming};
use crate::output_watch::output_closed;
use crate::server_arguments::ServerArguments;
use crate::status_line::StatusLine;
use crate::style::Style;
use crate::values::{count, duration, positive_duration, start};
use crate::wall_clock::wall_now;
use clap::{Args, ValueEnum};
use std::io::{self, Write};
use std::time::Duration;
use tidings_client::{Follow, FollowError, FollowEvent, FollowOptions, Via};
use tidings_model::{Offset, Start, StreamName};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How many events of all streams wait to be printed. Who can't print as fast reads as slowly.
const EVENTS_WAITING_MAX: usize = 16;

/// `tidings follow`. It connects again by itself, misses nothing and repeats nothing. It ends when every stream is
/// closed.
#[derive(Debug, Args)]
pub(crate) struct FollowArguments {
    /// The streams. With several, each message is printed with the name of its stream
    #[arg(required = true, value_name = "STREAM", value_parser = StreamName::parse)]
    streams: Vec<StreamName>,

    /// How to receive
    #[arg(long, value_name = "TRANSPORT", default_value = "auto")]
    via: ViaWord,

    /// With `--via poll`: ask so often [default: as the server advises]
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    every: Option<Duration>,

    /// Where to begin: `beginning`, `now`, `last:N` (N messages before the end), or an offset
    #[arg(long, value_name = "WHERE", default_value = "now", allow_hyphen_values = true, value_parser = start)]
    from: Start,

    /// Print one `{"offset","time","data"}` a line; the offset is the one after the message
    #[arg(long)]
    json: bool,

    /// End after so many messages
    #[arg(long, value_name = "COUNT", value_parser = count)]
    count: Option<u64>,

    /// Wait for streams that don't exist yet
    #[arg(long)]
    wait: bool,

    /// When an offset can't be continued: end with code 5, or go on at the earliest message or at the tail
    #[arg(long, value_name = "WHAT", default_value = "exit")]
    on_reset: OnReset,

    /// End with code 3 when the server can't be reached for so long [default: try for ever]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    retry_for: Option<Duration>,

    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ViaWord {
    /// The best that works here, found out while it goes
    Auto,
    /// Ask at an interval
    Poll,
    /// The server holds the question until there is news
    LongPoll,
    /// One response that never ends
    Sse,
    /// One WebSocket
    #[value(name = "websocket")]
    WebSocket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnReset {
    Exit,
    Earliest,
    Tail,
}

/// What one of the follows has to say.
struct Heard {
    stream: StreamName,
    event: Result<FollowEvent, FollowError>,
}

impl FollowArguments {
    /// Prints until every stream is closed, or as many messages as were asked for.
    pub(crate) async fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        self.check_streams()?;
        let client = self.server.client()?;
        client.set_via(self.via()?);
        let options = FollowOptions { wait_for_stream: self.wait, ..FollowOptions::from(self.from) };
        let naming = if self.streams.len() == 1 { Naming::Unnamed } else { Naming::Named };
        let messages = MessageOutput {
            out,
            form: if self.json { MessageForm::Json } else { MessageForm::Plain },
            naming,
            style: Style::of(&io::stdout()),
        };
        let resets = match self.on_reset {
            OnReset::Exit => Resets::End,
            OnReset::Earliest | OnReset::Tail => Resets::GoOn,
        };
        let mut output = FollowOutput::new(messages, StatusLine::on_stderr(), resets);
        output.count_left = self.count;
        output.retry_for = self.retry_for;

        let (sender, mut heard) = mpsc::channel(EVENTS_WAITING_MAX);
        let mut follows = JoinSet::new();
        for stream in self.streams {
            let follow = client.follow(&stream, options);
            follows.spawn(tell(follow, stream, self.on_reset, sender.clone()));
        }
        drop(sender);
        let closed = output_closed();
        tokio::pin!(closed);
        loop {
            let retry_ends = output.poll_timeout();
            tokio::select! {
                heard = heard.recv() => match heard {
                    Some(Heard { stream, event }) => match output.on_event(&stream, event, Instant::now(), wall_now())? {
                        Going::On => {}
                        Going::Done => return Ok(()),
                    },
                    None => return Ok(()), // Every stream is closed.
                },
                () = &mut closed => return Err(Stop::OutputClosed),
                () = tokio::time::sleep_until(retry_ends.unwrap_or_else(Instant::now)), if retry_ends.is_some() => {
                    return Err(output.on_retry_ended());
                }
            }
        }
    }

    fn check_streams(&self) -> Result<(), Stop> {
        let twice = self.streams.iter().enumerate().find(|(at, name)| self.streams[..*at].contains(name));
        if let Some((_, name)) = twice {
            return Err(Stop::Usage(format!("`{name}` is named twice")));
        }
        if self.streams.len() != 1 && matches!(self.from, Start::After(_)) {
            let why = "an offset is a place in one stream: follow that one alone, or say `--from beginning`, `now` or `last:N`";
            return Err(Stop::Usage(why.to_owned()));
        }
        Ok(())
    }

    fn via(&self) -> Result<Via, Stop> {
        match (self.via, self.every) {
            (ViaWord::Poll, every) => Ok(Via::Poll { every }),
            (_, Some(_)) => Err(Stop::Usage("--every goes with --via poll only".to_owned())),
            (ViaWord::Auto, None) => Ok(Via::Auto),
            (ViaWord::LongPoll, None) => Ok(Via::LongPoll),
            (ViaWord::Sse, None) => Ok(Via::Sse),
            (ViaWord::WebSocket, None) => Ok(Via::WebSocket),
        }
    }
}

/// Passes on what one follow has to say, until it ends.
async fn tell(mut follow: Follow, stream: StreamName, on_reset: OnReset, sender: mpsc::Sender<Heard>) {
    loop {
        let event = follow.next().await;
        let next = on_reset.after(&event);
        let heard = Heard { stream: stream.clone(), event };
        if sender.send(heard).await.is_err() {
            return; // The command has ended.
        }
        match next {
            Next::Follow => {}
            Next::FollowFrom(offset) => follow.resume_at(offset),
            Next::End => return,
        }
    }
}

/// What a follow does after an event.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Follow,
    FollowFrom(Offset),
    End,
}

impl OnReset {
    fn after(self, event: &Result<FollowEvent, FollowError>) -> Next {
        match event {
            Ok(
                FollowEvent::Messages(_)
                | FollowEvent::Live { .. }
                | FollowEvent::Skipped(_)
                | FollowEvent::Status(_),
            ) => Next::Follow,
            Ok(FollowEvent::Closed { .. }) | Err(_) => Next::End,
            Ok(FollowEvent::Reset(reset)) => {
                let place = match self {
                    OnReset::Exit => None,
                    OnReset::Earliest => reset.earliest,
                    OnReset::Tail => reset.tail,
                };
                place.map_or(Next::End, Next::FollowFrom)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use tidings_model::{Reset, ResetReason};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        follow: FollowArguments,
    }

    fn via(line: &str) -> Result<Via, String> {
        let line = Line::try_parse_from(line.split(' ')).unwrap();
        line.follow.via().map_err(|stop| stop.to_string())
    }

    #[test]
    fn every_transport_has_its_word() {
        assert_eq!(via("x a"), Ok(Via::Auto));
        assert_eq!(via("x a --via poll"), Ok(Via::Poll { every: None }));
        assert_eq!(via("x a --via poll --every 2s"), Ok(Via::Poll { every: Some(Duration::from_secs(2)) }));
        assert_eq!(via("x a --via long-poll"), Ok(Via::LongPoll));
        assert_eq!(via("x a --via sse"), Ok(Via::Sse));
        assert_eq!(via("x a --via websocket"), Ok(Via::WebSocket));
        assert_eq!(via("x a --via sse --every 2s"), Err("--every goes with --via poll only".to_owned()));
    }

    #[test]
    fn a_reset_ends_or_goes_on_as_was_asked() {
        let earliest = Offset::parse("0000000000000abc_0000000000000003").unwrap();
        let tail = earliest.at(9);
        let trimmed = Reset { reason: ResetReason::Trimmed, earliest: Some(earliest), tail: Some(tail) };
        let after = |on_reset: OnReset, reset| on_reset.after(&Ok(FollowEvent::Reset(reset)));
        assert_eq!(after(OnReset::Exit, trimmed), Next::End);
        assert_eq!(after(OnReset::Earliest, trimmed), Next::FollowFrom(earliest));
        assert_eq!(after(OnReset::Tail, trimmed), Next::FollowFrom(tail));
        let gone = Reset { reason: ResetReason::Deleted, earliest: None, tail: None };
        assert_eq!(after(OnReset::Tail, gone), Next::End);
    }
}
