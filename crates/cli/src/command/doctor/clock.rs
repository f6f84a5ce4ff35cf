//! Whether the clock is set by better ones: tokens, retention and lifetimes go by it.

use super::finding::{Finding, time_text};
use tidings_sys::ClockState;

const ABOUT: &str = "clock";

pub(super) fn check() -> Finding {
    let advice = "let somebody set it: systemd-timesyncd, chrony or ntpd (in a container, on its host)";
    match tidings_sys::clock_state() {
        Ok(ClockState { is_synchronised: true, error_max }) => {
            let found = format!("synchronised; wrong by at most {}", time_text(error_max));
            Finding::good(ABOUT, found)
                .with("synchronised", true)
                .with("error_ms", error_max.as_secs_f64() * 1e3)
        }
        Ok(ClockState { is_synchronised: false, .. }) => {
            let found =
                "nobody sets it, as far as the kernel knows: tokens, retention and lifetimes go by it";
            Finding::doubtful(ABOUT, found, advice).with("synchronised", false)
        }
        Err(error) => Finding::doubtful(ABOUT, format!("the system does not say ({error})"), advice),
    }
}
