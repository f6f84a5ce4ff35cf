//! Finds the pages of a block wherever they are, without its index.

use super::tolerant;
use crate::format::{BlockHeader, PAGE_HEADER_BYTES, Page, Part, is_page, is_sound_page, page_bytes};
use crate::storage::StorageFile;
use std::borrow::Cow;
use std::io;
use std::sync::Arc;

/// A block of which nothing but its number is taken for granted.
pub(super) struct PageFile {
    pub(super) id: u32,
    pub(super) file: Arc<dyn StorageFile>,
}

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageAt {
    pub(super) at: u64,
    pub(super) bytes: u32,
}

/// How much of a block is in memory while it is searched; no page is longer than half of it.
const WINDOW_BYTES: usize = 4 << 20;

impl PageFile {
    /// Hands over every sound data page with its parts. Returns the size of the file.
    pub(super) fn search(&self, mut take: impl FnMut(PageAt, &[Part])) -> io::Result<u64> {
        let end = self.file.bytes()?;
        let mut at = BlockHeader::BYTES as u64;
        let (mut window, mut window_at) = (Vec::new(), at);
        while at + PAGE_HEADER_BYTES as u64 <= end {
            let skipped = usize::try_from(at - window_at).unwrap_or(usize::MAX);
            let left = end - at;
            let is_short = window.len() < skipped.saturating_add(WINDOW_BYTES / 2);
            let goes_on = (window.len() as u64) < end - window_at;
            if window.is_empty() || (is_short && goes_on) {
                let bytes = usize::try_from(left).unwrap_or(usize::MAX).min(WINDOW_BYTES);
                (window, window_at) = (tolerant::read(&*self.file, at, bytes), at);
                continue;
            }
            let rest = &window[skipped..];
            at += match self.page_at(rest, at, left) {
                Some((place, page)) => {
                    let parts: Option<Vec<Part>> = page.as_ref().and_then(|page| page.parts().collect());
                    if let Some(parts) = parts {
                        take(place, &parts);
                    }
                    u64::from(place.bytes)
                }
                // Pages begin anywhere.
                None => 1,
            };
        }
        Ok(end)
    }

    /// The page at the beginning of `rest`, which is at `at`; without messages if it is one of the index or the table.
    fn page_at(&self, rest: &[u8], at: u64, left: u64) -> Option<(PageAt, Option<Page>)> {
        let header = rest.first_chunk::<PAGE_HEADER_BYTES>()?;
        let bytes = page_bytes(header);
        if !is_page(header, self.id) || left < bytes as u64 {
            return None;
        }
        let place = PageAt { at, bytes: u32::try_from(bytes).ok()? };
        // One large message makes a page larger than the window.
        let whole = match rest.get(..bytes) {
            Some(whole) => Cow::Borrowed(whole),
            None => Cow::Owned(tolerant::read(&*self.file, at, bytes)),
        };
        is_sound_page(&whole, self.id).then(|| (place, Page::decode(&whole, self.id)))
    }

    /// A page that was found.
    pub(super) fn page(&self, place: PageAt) -> Option<Page> {
        Page::decode(&tolerant::read(&*self.file, place.at, place.bytes as usize), self.id)
    }
}
