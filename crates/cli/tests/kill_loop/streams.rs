//! The streams of a run: some keep all, some only the newest, and each writer has one that only it writes to, and deletes.

use crate::truth::Truth;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};
use tidings_testkit::Api;

/// Every third of them keeps so many messages, and so many more for each one after it.
const KEEPS: u64 = 20;

/// All streams: first the shared ones, then one for each writer.
pub(crate) struct Streams(Vec<Stream>);

/// A name and what was acknowledged of it.
pub(crate) struct Stream {
    pub(crate) name: String,
    /// How many messages it keeps, where not all.
    pub(crate) keeps: Option<u64>,
    truth: Mutex<Truth>,
}

impl Streams {
    pub(crate) const PREFIX: &str = "kill/";

    /// How many of them everybody writes to; they come first.
    pub(crate) const SHARED: usize = 14;

    pub(crate) fn create(address: SocketAddr, writers: usize) -> Streams {
        let mut api = Api::new(address);
        let streams = (0..Streams::SHARED + writers).map(|index| {
            let is_kept_short = index < Streams::SHARED && index % 3 == 0;
            let keeps = is_kept_short.then_some(KEEPS * (1 + index as u64));
            let name = format!("{}{index:02}", Streams::PREFIX);
            let count = keeps.map(|count| count.to_string());
            let headers = count.iter().map(|count| ("Stream-Retention-Count", &**count));
            let begin = api.create(&name, &headers.collect::<Vec<_>>());
            Stream { name, keeps, truth: Mutex::new(Truth::of_new(&begin)) }
        });
        Streams(streams.collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Stream)> {
        self.0.iter().enumerate()
    }

    pub(crate) fn at(&self, index: usize) -> &Stream {
        &self.0[index]
    }

    /// The one that only this writer writes to.
    pub(crate) fn own(writer: usize) -> usize {
        Streams::SHARED + writer
    }
}

impl Stream {
    pub(crate) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().expect("another writer has failed")
    }

    pub(crate) fn path(&self) -> String {
        format!("/v1/stream/{}", self.name)
    }
}
