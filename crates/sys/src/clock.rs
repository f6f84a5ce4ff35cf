//! Whether the clock of the system is kept right.

use std::io;
use std::time::Duration;

/// What the kernel knows of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// Somebody sets it by better clocks.
    pub is_synchronised: bool,
    /// By how much it may be wrong, as far as the kernel was told.
    pub error_max: Duration,
}

/// Asks the kernel, without setting anything.
///
/// # Errors
/// Where the system does not say, or forbids to ask.
#[cfg(target_os = "linux")]
pub fn clock_state() -> io::Result<ClockState> {
    // SAFETY: `timex` has integers only, of which zero is a value; `modes` zero asks and sets nothing.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes a `timex`, and this one lives until the call returns.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    let is_synchronised = state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0;
    let error_max = Duration::from_micros(u64::try_from(timex.maxerror).unwrap_or(u64::MAX));
    Ok(ClockState { is_synchronised, error_max })
}

/// Where the system does not say.
#[cfg(not(target_os = "linux"))]
pub fn clock_state() -> io::Result<ClockState> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_how_wrong_its_clock_may_be() {
        // Some sandboxes forbid to ask.
        if let Ok(state) = clock_state() {
            assert_ne!(state.error_max, Duration::ZERO, "{state:?}");
        }
    }
}
