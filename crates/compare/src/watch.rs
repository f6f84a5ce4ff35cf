//! Whoever waits for a comparison, and sees how it is getting on.

use crate::findings::{Publishing, Run};
use crate::harness::Live;
use std::ops::ControlFlow;
use std::time::Duration;

/// Is told of everything while it happens, and may end it.
pub trait Watch {
    /// It begins: how many things are measured, and how long that takes, roughly.
    fn on_begin(&mut self, steps: usize, estimate: Duration);

    /// The next thing is measured.
    fn on_step(&mut self, what: &str, estimate: Duration);

    /// How the run is getting on, several times a second. [`ControlFlow::Break`] ends the comparison soon; what is measured by then
    /// is kept.
    fn on_live(&mut self, live: &Live) -> ControlFlow<()>;

    /// Something was measured.
    fn on_measured(&mut self, what: &str, measured: Measured<'_>);

    /// It could not be measured, and the comparison goes on with the next.
    fn on_failure(&mut self, what: &str, error: &anyhow::Error);
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub enum Measured<'a> {
    /// A run.
    Run(&'a Run),
    /// Publishing.
    Publishing(&'a Publishing),
}
