//! Whole-system simulation: the real engine over the real log, on a disk that loses what a disk may lose, with one
//! thread and one seed.
//!
//! Publishers that retry, readers that leave and come back with nothing but an offset, deletions, retention, failing
//! disks and crashes meet in an order that the seed decides. What is promised is checked at each step against all
//! that anybody ever saw ([`Truth`](truth::Truth)). Does not know sockets, transports or threads.

mod asked;
mod clock;
mod dice;
mod follower;
mod node;
mod producer;
mod truth;
mod world;

pub use world::{Habit, Simulation, Summary, Violation};
