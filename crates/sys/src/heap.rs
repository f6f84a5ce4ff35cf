//! How much memory the process has asked for and not given back: an allocator that counts.
//!
//! Knows sizes. Does not know who asked, or what for.
//!
//! What the system says a process holds (its resident size) never tells how much of it is in use: an allocator keeps what it was given back, for the
//! next who asks. So whoever has to decide by what is in use counts it here. A thread tells what it has counted whenever that comes to
//! 16 KiB: one addition to a number of its own for most calls.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

/// The system's allocator, which counts. To be named as the `#[global_allocator]` of a binary.
#[derive(Debug)]
pub struct CountingHeap;

/// What all threads have told.
static TOLD: AtomicIsize = AtomicIsize::new(0);

/// What a thread has counted and not told yet is below this.
const TOLD_FROM_BYTES: usize = 16 << 10;

thread_local! {
    // Without a destructor and made of a constant: it can be used at any time in the life of a thread, and takes no memory.
    static UNTOLD: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that are in use now, with what the allocator puts around each piece; exact to 16 KiB for each thread. `None` where the binary
/// does not count.
pub fn allocated_bytes() -> Option<usize> {
    match TOLD.load(Ordering::Relaxed) {
        0 => None,
        // One thread may have told of what another one freed.
        bytes => Some(usize::try_from(bytes).unwrap_or(0)),
    }
}

/// From here on each large piece is mapped by itself and given back as soon as it is freed. Left alone, the allocator learns from the first such piece
/// that is freed to keep the next ones: bodies of half a megabyte that came and went left holes of as much again as was in use.
pub fn map_large_pieces() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Smaller ones are more, and quicker had from what was freed.
        const LARGE_BYTES: libc::c_int = 256 << 10;
        // SAFETY: it takes two numbers, and may be called at any time.
        let _is_set = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES) };
    }
}

/// Gives memory that is not in use back to the system, as far as its allocator can. May take milliseconds, in which others wait.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: it takes a number, and may be called from any thread at any time.
        let _gave_some = unsafe { libc::malloc_trim(0) };
    }
}

/// What a piece takes of the system's allocator: the size of another piece stands before it, and pieces are multiples of 16 bytes.
fn taken(bytes: usize) -> isize {
    const BEFORE_BYTES: usize = 8;
    const PIECE_BYTES: usize = 16;
    const PIECE_BYTES_MIN: usize = 32;
    let taken = bytes.saturating_add(BEFORE_BYTES).next_multiple_of(PIECE_BYTES).max(PIECE_BYTES_MIN);
    // A layout is never larger than this.
    isize::try_from(taken).unwrap_or(isize::MAX)
}

fn count(bytes: isize) {
    let tell = UNTOLD.with(|untold| {
        let sum = untold.get() + bytes;
        let is_much = TOLD_FROM_BYTES <= sum.unsigned_abs();
        untold.set(if is_much { 0 } else { sum });
        if is_much { sum } else { 0 }
    });
    if tell != 0 {
        TOLD.fetch_add(tell, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator with the same arguments, and its answer is given as it is. Counting neither allocates nor
// unwinds.
unsafe impl GlobalAlloc for CountingHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        let piece = unsafe { System.alloc(layout) };
        if !piece.is_null() {
            count(taken(layout.size()));
        }
        piece
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: likewise.
        let piece = unsafe { System.alloc_zeroed(layout) };
        if !piece.is_null() {
            count(taken(layout.size()));
        }
        piece
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        count(-taken(layout.size()));
        // SAFETY: likewise; the piece came from the system's allocator, by one of the others.
        unsafe { System.dealloc(piece, layout) };
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: likewise.
        let moved = unsafe { System.realloc(piece, layout, size) };
        if !moved.is_null() {
            count(taken(size) - taken(layout.size()));
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// What the tests of this crate run on.
    #[global_allocator]
    static HEAP: CountingHeap = CountingHeap;

    /// More than all else that the tests of this crate have at a time.
    const MUCH: usize = 64 << 20;

    /// Held by a test while it counts: there is one count for all of the process.
    static COUNTING: Mutex<()> = Mutex::new(());

    fn allocated() -> usize {
        allocated_bytes().expect("this binary counts")
    }

    #[test]
    fn what_is_in_use_counts_until_it_is_given_back() {
        let _others_wait = COUNTING.lock();
        let before = allocated();
        let mut much = Vec::<u8>::with_capacity(MUCH);
        assert!(before + MUCH / 2 < allocated());
        much.reserve_exact(2 * MUCH);
        assert!(before + MUCH + MUCH / 2 < allocated());
        let much = std::thread::spawn(move || drop(much));
        much.join().unwrap();
        assert!(allocated() < before + MUCH / 2, "another thread gave it back");
        let zeroed = vec![0_u8; MUCH];
        assert!(before + MUCH / 2 < allocated());
        drop(zeroed);
        give_back();
        assert!(allocated() < before + MUCH / 2);
    }

    #[test]
    fn many_small_pieces_count_as_what_they_take() {
        const COUNT: usize = 1_000_000;
        assert_eq!([taken(1), taken(24), taken(25), taken(88), taken(89)], [32, 32, 48, 96, 112]);
        let _others_wait = COUNTING.lock();
        let before = allocated();
        let pieces: Vec<Box<u64>> = (0..COUNT as u64).map(Box::new).collect();
        let taken = allocated() - before;
        // 32 bytes for each, and 8 in the list.
        assert!((COUNT * 40 * 9 / 10..COUNT * 40 * 11 / 10).contains(&taken), "{taken}");
        drop(pieces);
    }
}
