//! A running engine, with its threads, over each kind of storage.

#![expect(clippy::unwrap_used, reason = "a test may unwrap")]

mod catching_up;
mod failures;
mod gate;
mod harness;
mod in_memory;
mod lifetimes;
mod looking;
mod memory_room;
mod publishing;
mod resets;
mod retention;
mod stopping;
mod tidying;
