//! Standard input line by line, for `publish --lines`.
//!
//! A thread reads, since a pipe can't be waited for together with a socket; a bounded channel slows it down to the
//! pace of the server, and with it the program that writes the lines.

use bytes::Bytes;
use std::io::{self, BufRead};
use tokio::sync::mpsc;

/// The longest line. A server's limit is usually lower and then answers by itself.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// How many lines wait between the thread and the publisher.
const LINES_WAITING_MAX: usize = 1024;

/// Lines as they come. Empty ones are left out, since a message can't be empty.
pub(crate) struct Lines {
    waiting: mpsc::Receiver<io::Result<Bytes>>,
    /// An error that came after lines which are not published yet.
    failed: Option<io::Error>,
}

impl Lines {
    /// Starts to read. The thread ends with the input, or with the process.
    pub(crate) fn read(input: impl BufRead + Send + 'static) -> Lines {
        let (sender, waiting) = mpsc::channel(LINES_WAITING_MAX);
        std::thread::spawn(move || send_lines(input, &sender));
        Lines { waiting, failed: None }
    }

    /// Waits for a line, and takes those that wait behind it, at most `count_max` and about `bytes_max`.
    /// Empty at the end of the input.
    pub(crate) async fn next_batch(&mut self, count_max: usize, bytes_max: usize) -> io::Result<Vec<Bytes>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut next = self.waiting.recv().await;
        while let Some(line) = next {
            match line {
                Ok(line) => {
                    bytes += line.len();
                    batch.push(line);
                }
                Err(error) if batch.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
            if count_max <= batch.len() || bytes_max <= bytes {
                break;
            }
            next = self.waiting.try_recv().ok();
        }
        Ok(batch)
    }
}

fn send_lines(mut input: impl BufRead, sender: &mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let line = match read_line(&mut input) {
            Ok(None) => return,
            Ok(Some(line)) if line.is_empty() => continue,
            Ok(Some(line)) => Ok(line),
            Err(error) => Err(error),
        };
        let is_last = line.is_err();
        let is_gone = sender.blocking_send(line).is_err();
        if is_last || is_gone {
            return;
        }
    }
}

/// One line without its end; `None` at the end of the input.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Bytes>> {
    let mut line = Vec::new();
    let mut limited = io::Read::take(&mut *input, LINE_BYTES_MAX);
    if limited.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let ended = line.pop_if(|byte| *byte == b'\n').is_some();
    if !ended && line.len() as u64 == LINE_BYTES_MAX {
        let text = format!("a line is longer than {} MiB", LINE_BYTES_MAX >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    if ended {
        line.pop_if(|byte| *byte == b'\r');
    }
    Ok(Some(Bytes::from(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All batches of an input, when the publisher is slower than the input.
    fn batches(input: &'static [u8], count_max: usize, bytes_max: usize) -> Vec<Vec<String>> {
        let (sender, waiting) = mpsc::channel(LINES_WAITING_MAX);
        send_lines(input, &sender);
        drop(sender);
        let mut lines = Lines { waiting, failed: None };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut batches = Vec::new();
        loop {
            let batch = runtime.block_on(lines.next_batch(count_max, bytes_max)).unwrap();
            if batch.is_empty() {
                return batches;
            }
            batches.push(batch.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect());
        }
    }

    #[test]
    fn every_line_that_holds_something_comes_in_order() {
        assert_eq!(batches(b"a\n\n b \r\nc", 10, 100), [["a", " b ", "c"]]);
        assert_eq!(batches(b"", 10, 100), Vec::<Vec<String>>::new());
    }

    #[test]
    fn lines_that_wait_go_together_up_to_the_limits() {
        assert_eq!(batches(b"a\nb\nc\n", 2, 100), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(batches(b"aaa\nbbb\nc\n", 10, 4), [vec!["aaa", "bbb"], vec!["c"]]);
        assert_eq!(batches(b"a\nb\n", 1, 100), [["a"], ["b"]]);
    }
}
