//! The process of the server, as the system sees it.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use tidings_testkit::Server;

/// How many descriptors it has open.
pub(crate) fn descriptors(server: &Server) -> usize {
    fs::read_dir(folder(server).join("fd")).expect("the process runs").count()
}

/// How many of them are sockets.
pub(crate) fn sockets(server: &Server) -> usize {
    let descriptors = fs::read_dir(folder(server).join("fd")).expect("the process runs").flatten();
    let targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// Memory that it uses.
pub(crate) fn resident_bytes(server: &Server) -> usize {
    let status = fs::read_to_string(folder(server).join("status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kilobytes << 10
}

/// Memory of its own that it uses: what the programs and libraries on disk take is not in it.
pub(crate) fn anonymous_bytes(server: &Server) -> usize {
    let rollup = fs::read_to_string(folder(server).join("smaps_rollup")).expect("the process runs");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("Linux tells it");
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

/// The same exactly, in nanoseconds, of the threads that are there now.
pub(crate) fn processor_ns(server: &Server) -> u64 {
    let tasks = fs::read_dir(folder(server).join("task")).expect("the process runs").flatten();
    let of_task = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    tasks.filter_map(of_task).sum()
}

/// Whether each of its threads stands still, as SIGSTOP has them do.
pub(crate) fn is_stopped(server: &Server) -> bool {
    let mut tasks = fs::read_dir(folder(server).join("task")).expect("the process runs").flatten();
    let is_stopped = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        text.rsplit(')').next().is_some_and(|behind_the_name| behind_the_name.trim_start().starts_with('T'))
    };
    tasks.all(is_stopped)
}

/// Its folder in `/proc`: that of the process with the server's data folder among its arguments.
fn folder(server: &Server) -> PathBuf {
    let data = server.data().to_str().expect("a temporary folder has a plain name").as_bytes();
    let is_it = |arguments: &[u8]| arguments.split(|byte| *byte == 0).any(|argument| argument == data);
    let processes = fs::read_dir("/proc").expect("Linux has /proc").flatten().map(|entry| entry.path());
    let mut found = processes.filter(|path| fs::read(path.join("cmdline")).is_ok_and(|text| is_it(&text)));
    found.next().expect("the server runs")
}

/// Which of the clients with these ports each worker has: what each epoll of the process watches.
///
/// Those that watch none of them are left out.
pub(crate) fn clients_by_worker(server: &Server, clients: &[u16]) -> Vec<Vec<u16>> {
    let ports = client_ports(server.address().port());
    let watched = fs::read_dir(folder(server).join("fdinfo")).expect("the process runs").flatten();
    let watched = watched.filter_map(|descriptor| fs::read_to_string(descriptor.path()).ok());
    let mut workers: Vec<Vec<u16>> = watched
        .map(|info| {
            let inodes = info.lines().filter(|line| line.starts_with("tfd:")).filter_map(inode_of);
            let watched = inodes.filter_map(|inode| ports.get(&inode).copied());
            let mut watched: Vec<_> = watched.filter(|port| clients.contains(port)).collect();
            watched.sort_unstable();
            watched
        })
        .filter(|watched| !watched.is_empty())
        .collect();
    // The portable loop has a second descriptor of the same epoll.
    workers.sort();
    workers.dedup();
    workers
}

/// The inode in a line such as `tfd: 6 events: 19 data: 0 pos:0 ino:2f1b sdev:8`.
fn inode_of(line: &str) -> Option<u64> {
    let (_, behind) = line.split_once("ino:")?;
    u64::from_str_radix(behind.split_whitespace().next()?, 16).ok()
}

/// The port of the client, by the inode of the server's socket.
fn client_ports(server_port: u16) -> HashMap<u64, u16> {
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux tells its connections");
    let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    let connection = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_ours = port(fields.get(1)?)? == server_port;
        is_ours.then_some((fields.get(9)?.parse().ok()?, port(fields.get(2)?)?))
    };
    table.lines().filter_map(connection).collect()
}
