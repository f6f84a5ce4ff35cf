//! A server that ends with the program that started it: `tidings compare` leaves none behind, even where it is killed.

use crate::exit::Stop;

/// Has the kernel end this process (SIGKILL) when the parent ends, if that is the one that is named. Where the system can't, nothing
/// happens: the parent ends its children itself, wherever it can.
#[cfg(target_os = "linux")]
pub(crate) fn end_with(parent: u32) -> Result<(), Stop> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(std::io::Error::from)?;
    // It may have gone before it was asked for.
    let is_there = getppid().is_some_and(|now| i32::try_from(parent) == Ok(now.as_raw_nonzero().get()));
    if is_there { Ok(()) } else { Err(Stop::Usage(format!("{parent} is not this process's parent"))) }
}

/// Has the kernel end this process when the parent ends: not on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_with(_parent: u32) -> Result<(), Stop> {
    Ok(())
}
