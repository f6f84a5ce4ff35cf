//! The commands, one file each: its arguments and what it does.

pub(crate) mod close;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod doctor;
pub(crate) mod follow;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod publish;
pub(crate) mod read;
pub(crate) mod serve;
pub(crate) mod streams;
