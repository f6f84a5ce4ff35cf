//! Where the data folder is: what kind of disk, how much room, and how long it takes until something is stored.

use super::finding::{Finding, bytes_text, time_text};
use crate::wall_clock::now;
use rustix::fs::{StatVfs, fdatasync, major, minor, stat, statfs, statvfs};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is found about the disk below a data folder, which may not be there yet.
pub(super) fn check(data: &Path, segment_bytes: u64) -> Vec<Finding> {
    let folder = nearest(data);
    let room = room(&folder, data, segment_bytes);
    let mut findings = vec![room];
    findings.extend(in_memory(&folder, data));
    findings.push(match measure(&folder) {
        Ok(Some(syncs)) => told(&syncs, &Device::below(&folder)),
        Ok(None) => Finding::doubtful(SYNC, "not measured: there is no room to try it", "make room"),
        Err(error) => Finding::bad(
            SYNC,
            format!("{} can't be written to: {error}", folder.display()),
            "give the folder to the user of the server (`chown`), or choose another `data`",
        ),
    });
    findings
}

/// The folder itself, or the nearest above it that is there.
fn nearest(data: &Path) -> PathBuf {
    let absolute = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let there = absolute.ancestors().find(|folder| folder.is_dir());
    there.map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

fn room(folder: &Path, data: &Path, segment_bytes: u64) -> Finding {
    const ABOUT: &str = "disk room";
    /// The log keeps two segments in reserve, and makes the next one ahead.
    const SEGMENTS_MIN: u64 = 4;
    const SEGMENTS_COMFORTABLE: u64 = 20;
    let StatVfs { f_bavail, f_blocks, f_frsize, f_favail, f_files, .. } = match statvfs(folder) {
        Ok(known) => known,
        Err(error) => {
            return Finding::doubtful(ABOUT, format!("the system does not say: {error}"), "look at `df`");
        }
    };
    let (free, whole) = (f_bavail.saturating_mul(f_frsize), f_blocks.saturating_mul(f_frsize));
    let found = format!("{} of {} free for {}", bytes_text(free), bytes_text(whole), data.display());
    let is_out_of_files = 0 < f_files && f_favail < 100;
    let advice = "make room, give it another disk, or let streams keep less (`retention_…` of `[[streams]]`): when it is \
                  full, publishes are answered 507";
    let finding = if free < SEGMENTS_MIN * segment_bytes {
        Finding::bad(ABOUT, found, advice)
    } else if is_out_of_files {
        Finding::bad(ABOUT, format!("{found}; but only {f_favail} more files"), "remove small files")
    } else if free < SEGMENTS_COMFORTABLE * segment_bytes || free < whole / 20 {
        Finding::doubtful(ABOUT, found, advice)
    } else {
        Finding::good(ABOUT, found)
    };
    finding.with("free_bytes", free).with("bytes", whole)
}

/// A folder that is gone after a restart of the machine, or with its container.
fn in_memory(folder: &Path, data: &Path) -> Option<Finding> {
    const ABOUT: &str = "file system";
    let kind = statfs(folder).ok()?.f_type & 0xffff_ffff;
    let elsewhere = "put the data folder on a disk (in a container, on a volume)";
    let data = data.display();
    match kind {
        0x0102_1994 | 0x8584_58f6 => Some(Finding::bad(
            ABOUT,
            format!("{data} is in memory: nothing there survives a restart of the machine"),
            elsewhere,
        )),
        0x794c_7630 => Some(Finding::doubtful(
            ABOUT,
            format!("{data} is in a layer of a container, and goes with it"),
            elsewhere,
        )),
        0x6969 | 0xfe53_4d42 | 0xff53_4d42 => Some(Finding::doubtful(
            ABOUT,
            format!("{data} is on another machine: a sync is worth what that one makes of it"),
            elsewhere,
        )),
        _ => None,
    }
}

const SYNC: &str = "sync";

/// What syncs took, in order of their times.
struct Syncs {
    times: Vec<Duration>,
}

impl Syncs {
    /// What so many of a hundred took at most.
    fn at_percent(&self, percent: usize) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get(last * percent / 100).copied().unwrap_or_default()
    }
}

/// Writes as the log does, 4 KiB after 4 KiB into a file that is there already, each synced. `None` where there is no room for it.
fn measure(folder: &Path) -> io::Result<Option<Syncs>> {
    const PIECE: [u8; 4 << 10] = [0x5a; 4 << 10];
    const COUNT: usize = 200;
    const TIME_MAX: Duration = Duration::from_secs(2);
    let Some(file) = unnamed(folder, COUNT * PIECE.len())? else { return Ok(None) };
    let began = now();
    let mut times = Vec::with_capacity(COUNT);
    for count in 0..COUNT {
        file.write_all_at(&PIECE, (count * PIECE.len()) as u64)?;
        let wrote = now();
        fdatasync(&file)?;
        times.push(now().saturating_duration_since(wrote));
        if TIME_MAX <= now().saturating_duration_since(began) {
            break;
        }
    }
    times.sort_unstable();
    Ok(Some(Syncs { times }))
}

/// A file of zeros that has no name any more: nothing is left of it, however this ends.
fn unnamed(folder: &Path, bytes: usize) -> io::Result<Option<File>> {
    let path = folder.join(format!(".tidings-doctor-{:016x}", rand::random::<u64>()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    match file.write_all_at(&vec![0; bytes], 0).and_then(|()| file.sync_all()) {
        Ok(()) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the system says of a disk.
#[derive(Debug, Default)]
struct Device {
    turns: Option<bool>,
    /// It keeps what was written in memory of its own, until it is told to flush.
    caches: Option<bool>,
}

impl Device {
    fn below(folder: &Path) -> Device {
        let Ok(known) = stat(folder) else { return Device::default() };
        let block = format!("/sys/dev/block/{}:{}", major(known.st_dev), minor(known.st_dev));
        // A partition has no queue of its own.
        let queue = ["queue", "../queue"].map(|queue| Path::new(&block).join(queue));
        let read = |file| queue.iter().find_map(|queue| std::fs::read_to_string(queue.join(file)).ok());
        Device {
            turns: read("rotational").map(|text| text.trim() == "1"),
            caches: read("write_cache").map(|text| text.trim() == "write back"),
        }
    }
}

/// Nothing that is a disk answers faster than this: what does has stored nothing yet.
const FASTEST: Duration = Duration::from_micros(12);
/// A disk that turns must wait for the right place to come round.
const FASTEST_THAT_TURNS: Duration = Duration::from_millis(2);
/// A flash disk has to write something before it may answer, unless it outlives a loss of power by itself.
const FASTEST_WITH_CACHE: Duration = Duration::from_micros(60);
const SLOW: Duration = Duration::from_millis(20);

/// A disk that lies can't be found out by asking it: what was measured is told, and what makes it doubtful.
fn told(syncs: &Syncs, device: &Device) -> Finding {
    let (median, worst) = (syncs.at_percent(50), syncs.at_percent(99));
    let rounds = (1.0 / median.as_secs_f64().max(1e-6)).round();
    let measured = format!(
        "{} until something is stored (99 of 100 within {}), so about {rounds:.0} rounds of publishes a second",
        time_text(median),
        time_text(worst)
    );
    let lies = "if acknowledged messages must survive a loss of power, find out whether this disk keeps them then (its data \
                sheet, the settings of the virtual machine, `hdparm -W0`)";
    let finding = if median < FASTEST {
        Finding::doubtful(
            SYNC,
            format!("{measured}: no disk is so fast, somebody says so and does not sync"),
            lies,
        )
    } else if device.turns == Some(true) && median < FASTEST_THAT_TURNS {
        let found =
            format!("{measured}: too fast for a disk that turns, unless a cache with a battery is before it");
        Finding::doubtful(SYNC, found, lies)
    } else if device.caches == Some(true) && median < FASTEST_WITH_CACHE {
        let found = format!("{measured}: fast, for a disk with a cache that has to be flushed");
        Finding::doubtful(SYNC, found, lies)
    } else if SLOW < median {
        let advice = "each publish to a `disk` stream waits as long: a faster disk, or `durability = \"memory\"` for streams that \
                      may be lost";
        Finding::doubtful(SYNC, format!("{measured}: slow"), advice)
    } else {
        Finding::good(SYNC, measured)
    };
    let finding = finding.with("median_us", micros(median)).with("p99_us", micros(worst));
    finding
        .with("syncs", syncs.times.len())
        .with("rotational", device.turns)
        .with("write_cache", device.caches)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn verdict(median: Duration, device: &Device) -> Verdict {
        told(&Syncs { times: vec![median; 3] }, device).verdict()
    }

    #[test]
    fn what_is_too_fast_to_be_true_is_doubted() {
        let (us, ms) = (Duration::from_micros, Duration::from_millis);
        let unknown = Device::default();
        let turning = Device { turns: Some(true), caches: Some(true) };
        let flash = Device { turns: Some(false), caches: Some(true) };
        let safe = Device { turns: Some(false), caches: Some(false) };
        assert_eq!(verdict(us(1), &safe), Verdict::Doubtful);
        assert_eq!(verdict(us(30), &safe), Verdict::Good);
        assert_eq!(verdict(us(30), &unknown), Verdict::Good);
        assert_eq!(verdict(us(30), &flash), Verdict::Doubtful);
        assert_eq!(verdict(us(500), &flash), Verdict::Good);
        assert_eq!(verdict(us(500), &turning), Verdict::Doubtful);
        assert_eq!(verdict(ms(8), &turning), Verdict::Good);
        assert_eq!(verdict(ms(30), &turning), Verdict::Doubtful);
    }

    #[test]
    fn a_sync_takes_time_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let syncs = measure(folder.path()).unwrap().unwrap();
        assert!(syncs.times.is_sorted() && !syncs.times.is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_looked_for_above() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nearest(&folder.path().join("a/b")), folder.path());
    }

    #[test]
    fn little_room_is_told_by_what_the_log_needs() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(room(folder.path(), folder.path(), 1 << 60).verdict(), Verdict::Bad);
    }
}
