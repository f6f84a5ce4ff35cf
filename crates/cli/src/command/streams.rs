//! `tidings streams`: lists what the server holds.

use crate::exit::Stop;
use crate::server_arguments::ServerArguments;
use crate::style::{Ink, Style};
use clap::Args;
use serde_json::json;
use std::io::{self, Write};
use tidings_client::{ListError, StreamEntry};
use tidings_protocol::rfc3339_text;

/// `tidings streams`.
#[derive(Debug, Args)]
pub(crate) struct StreamsArguments {
    /// Only streams whose names begin with this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    prefix: String,

    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: ServerArguments,
}

impl StreamsArguments {
    /// Prints page after page. The table's columns are fitted page by page, so that a long list appears at once.
    pub(crate) async fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let mut pages = self.server.client()?.list(&self.prefix);
        let style = Style::of(&io::stdout());
        let mut head = Some(HEAD);
        while let Some(page) = pages.next().await.map_err(|ListError::Failed(failure)| Stop::from(failure))? {
            if self.json {
                print_json(out, &page)?;
            } else {
                print_table(out, head.take(), &page, style)?;
            }
            out.flush()?;
        }
        Ok(())
    }
}

type Row = [String; 7];

const HEAD: [&str; 7] = ["NAME", "TYPE", "STATE", "MESSAGES", "BYTES", "FOLLOWERS", "TAIL"];

/// The columns that hold numbers, which stand to the right.
const NUMBERS: std::ops::Range<usize> = 3..6;

fn row(stream: &StreamEntry) -> Row {
    let state = if stream.closed { "closed" } else { stream.durability.as_str() };
    let followers = stream.followers;
    let count = followers.poll + followers.long_poll + followers.sse + followers.websocket;
    [
        stream.name.clone(),
        stream.content_type.clone(),
        state.to_owned(),
        stream.messages.to_string(),
        stream.bytes.to_string(),
        count.to_string(),
        stream.tail.to_string(),
    ]
}

fn print_table(
    out: &mut impl Write,
    head: Option<[&str; 7]>,
    streams: &[StreamEntry],
    style: Style,
) -> io::Result<()> {
    let rows: Vec<Row> = streams.iter().map(row).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    if let Some(head) = head {
        let line = line(&head.map(str::to_owned), &widths);
        writeln!(out, "{}", style.paint(Ink::Bold, line))?;
    }
    for row in &rows {
        writeln!(out, "{}", line(row, &widths))?;
    }
    Ok(())
}

fn line(row: &Row, widths: &[usize; 7]) -> String {
    let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        if NUMBERS.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    });
    cells.collect::<Vec<String>>().join("  ").trim_end().to_owned()
}

fn print_json(out: &mut impl Write, streams: &[StreamEntry]) -> io::Result<()> {
    for stream in streams {
        let created = rfc3339_text(stream.created);
        let followers = stream.followers;
        let object = json!({
            "name": stream.name,
            "content_type": stream.content_type,
            "durability": stream.durability.as_str(),
            "closed": stream.closed,
            "created": String::from_utf8_lossy(&created),
            "earliest": stream.earliest.to_string(),
            "tail": stream.tail.to_string(),
            "messages": stream.messages,
            "bytes": stream.bytes,
            "followers": {
                "poll": followers.poll,
                "long-poll": followers.long_poll,
                "sse": followers.sse,
                "websocket": followers.websocket,
            },
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_client::FollowerCounts;
    use tidings_model::{Durability, Offset, Timestamp};

    fn entry() -> StreamEntry {
        let earliest = Offset::parse("0000000000000abc_0000000000000000").unwrap();
        StreamEntry {
            name: "orders/42".into(),
            content_type: "application/json".into(),
            durability: Durability::Disk,
            closed: false,
            created: Timestamp(0),
            earliest,
            tail: earliest.at(12),
            messages: 12,
            bytes: 3400,
            followers: FollowerCounts { poll: 4, sse: 2, ..FollowerCounts::default() },
        }
    }

    #[test]
    fn the_table_is_aligned() {
        let closed = StreamEntry { name: "a".into(), closed: true, messages: 0, ..entry() };
        let mut out = Vec::new();
        print_table(&mut out, Some(HEAD), &[entry(), closed], Style::Plain).unwrap();
        let expected = "\
NAME       TYPE              STATE   MESSAGES  BYTES  FOLLOWERS  TAIL
orders/42  application/json  disk          12   3400          6  0000000000000abc_0000000000000012
a          application/json  closed         0   3400          6  0000000000000abc_0000000000000012
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn json_has_the_words_of_the_protocol() {
        let mut out = Vec::new();
        print_json(&mut out, &[entry()]).unwrap();
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(object["followers"]["long-poll"], 0);
        assert_eq!(object["created"], "1970-01-01T00:00:00.000Z");
        assert_eq!(object["tail"], "0000000000000abc_0000000000000012");
    }
}
