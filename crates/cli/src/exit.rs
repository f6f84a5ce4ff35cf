//! How a command ends: what it tells the person, and the exit code that a script sees.

use std::fmt;
use std::io;
use std::process::ExitCode;
use tidings_client::{Failure, Unreachable};
use tidings_model::{Reset, StreamName};

/// For `--help`. A test holds it against [`Stop::code`].
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
    0  done; a followed stream was closed
    1  failed or refused; the reason is on standard error
    2  wrong usage or wrong settings
    3  the server can't be reached; publish and follow try for ever, unless --retry-for is given
    4  there is no such stream
    5  reset: the offset can't be continued
    6  log: the log is damaged, or not all of it could be salvaged
    7  doctor: something is bad
   74  serve: the storage has failed
  130  interrupted";

/// Why a command ended before it was done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It failed, or the server refused.
    Failed(anyhow::Error),
    /// What was asked makes no sense.
    Usage(String),
    /// The server can't be reached.
    Unreachable(Unreachable),
    /// The server that is to be measured can't be reached.
    CannotReach(anyhow::Error),
    /// There is no such stream.
    StreamNotFound(StreamName),
    /// The offset can't be continued.
    Reset(StreamName, Reset),
    /// No stream of that name is in the data folder.
    NotInLog(StreamName),
    /// A log is damaged; that was printed.
    Damaged,
    /// The doctor found something bad; that was printed.
    Unhealthy,
    /// Ctrl-C.
    Interrupted,
    /// Whoever read standard output has gone, as `head` does. Nothing is wrong.
    OutputClosed,
}

impl Stop {
    fn number(&self) -> u8 {
        match self {
            Stop::OutputClosed => 0,
            Stop::Failed(_) => 1,
            Stop::Usage(_) => 2,
            Stop::Unreachable(_) | Stop::CannotReach(_) => 3,
            Stop::StreamNotFound(_) | Stop::NotInLog(_) => 4,
            Stop::Reset(..) => 5,
            Stop::Damaged => 6,
            Stop::Unhealthy => 7,
            Stop::Interrupted => 130,
        }
    }

    /// What a script sees.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.number())
    }

    /// Whether there is nothing to tell: the person knows.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Stop::Interrupted | Stop::OutputClosed | Stop::Damaged | Stop::Unhealthy)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Failed(error) | Stop::CannotReach(error) => write!(f, "{error:#}"),
            Stop::Usage(text) => f.write_str(text),
            Stop::Unreachable(unreachable) => write!(f, "{unreachable} (--url says where the server is)"),
            Stop::StreamNotFound(stream) => {
                write!(f, "there is no stream `{stream}` (`tidings create {stream}` makes it)")
            }
            Stop::Reset(stream, reset) => write!(f, "{}", ResetText { stream, reset }),
            Stop::NotInLog(stream) => write!(f, "there is no stream `{stream}` in the data folder"),
            Stop::Damaged => f.write_str("the log is damaged"),
            Stop::Unhealthy => f.write_str("something is bad"),
            Stop::Interrupted => f.write_str("interrupted"),
            Stop::OutputClosed => f.write_str("standard output was closed"),
        }
    }
}

/// A reset in words, with the offsets where a reader may go on.
pub(crate) struct ResetText<'a> {
    pub(crate) stream: &'a StreamName,
    pub(crate) reset: &'a Reset,
}

impl fmt::Display for ResetText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reset of `{}`: the offset can't be continued ({})", self.stream, self.reset.reason)?;
        if let Some(earliest) = self.reset.earliest {
            write!(f, "; earliest {earliest}")?;
        }
        if let Some(tail) = self.reset.tail {
            write!(f, "; tail {tail}")?;
        }
        Ok(())
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Stop::OutputClosed
        } else {
            Stop::Failed(error.into())
        }
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Stop {
        Stop::Failed(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        match failure {
            Failure::Unreachable(unreachable) => Stop::Unreachable(unreachable),
            Failure::Refused(_) | Failure::Malformed(_) => Stop::Failed(failure.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::ResetReason;

    #[test]
    fn every_code_is_documented() {
        let stream = StreamName::parse("a").unwrap();
        let reset = Reset { reason: ResetReason::Trimmed, earliest: None, tail: None };
        for stop in [
            Stop::OutputClosed,
            Stop::Failed(anyhow::anyhow!("x")),
            Stop::Usage(String::new()),
            Stop::Unreachable(Unreachable::Ended),
            Stop::CannotReach(anyhow::anyhow!("x")),
            Stop::StreamNotFound(stream.clone()),
            Stop::NotInLog(stream.clone()),
            Stop::Damaged,
            Stop::Unhealthy,
            Stop::Reset(stream, reset),
            Stop::Interrupted,
        ] {
            assert!(EXIT_CODES.contains(&format!("\n{:>5}  ", stop.number())), "{stop:?}");
        }
    }

    #[test]
    fn the_code_of_a_failed_storage_is_documented() {
        assert!(EXIT_CODES.contains(&format!("\n{:>5}  serve", tidings_server::STORAGE_FAILED_EXIT_CODE)));
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        assert!(Stop::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_quiet());
        assert!(!Stop::from(io::Error::from(io::ErrorKind::StorageFull)).is_quiet());
    }
}
