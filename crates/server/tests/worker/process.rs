//! The process of the server, as the system sees it.

use std::fs;
use std::path::PathBuf;
use tidings_testkit::Server;

/// How many descriptors it has open.
pub(crate) fn descriptors(server: &Server) -> usize {
    fs::read_dir(folder(server).join("fd")).expect("the process runs").count()
}

/// Memory that it uses.
pub(crate) fn resident_bytes(server: &Server) -> usize {
    let status = fs::read_to_string(folder(server).join("status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kilobytes << 10
}

/// Memory that it has written to and that nobody shares with it.
pub(crate) fn private_bytes(server: &Server) -> usize {
    let rollup = fs::read_to_string(folder(server).join("smaps_rollup")).expect("the process runs");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).expect("Linux tells it");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kilobytes << 10
}

/// What the kernel has taken from it for each of its connections, and the peer has not acknowledged.
pub(crate) fn queued_bytes(server: &Server) -> Vec<usize> {
    let hexadecimal = |text: &str| usize::from_str_radix(text, 16).ok();
    let of_connection = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, _, queues, ..] = fields[..] else { return None };
        let port = hexadecimal(local.split_once(':')?.1)?;
        let is_connected = !remote.ends_with(":0000");
        let queued = hexadecimal(queues.split_once(':')?.0)?;
        (is_connected && port == usize::from(server.address().port())).then_some(queued)
    };
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux has it");
    table.lines().filter_map(of_connection).collect()
}

/// Processor time that it has used, in ticks of the system (a hundredth of a second).
pub(crate) fn processor_ticks(server: &Server) -> u64 {
    let stat = fs::read_to_string(folder(server).join("stat")).expect("the process runs");
    let (_, behind_the_name) = stat.rsplit_once(')').expect("Linux writes the name in parentheses");
    let mut fields = behind_the_name.split_whitespace().skip(11);
    let mut next = || fields.next().and_then(|field| field.parse::<u64>().ok()).expect("it is a number");
    next() + next()
}

/// Its folder in `/proc`: that of the process with the server's data folder among its arguments.
fn folder(server: &Server) -> PathBuf {
    let data = server.data().to_str().expect("a temporary folder has a plain name").as_bytes();
    let is_it = |arguments: &[u8]| arguments.split(|byte| *byte == 0).any(|argument| argument == data);
    let processes = fs::read_dir("/proc").expect("Linux has /proc").flatten().map(|entry| entry.path());
    let mut found = processes.filter(|path| fs::read(path.join("cmdline")).is_ok_and(|text| is_it(&text)));
    found.next().expect("the server runs")
}
