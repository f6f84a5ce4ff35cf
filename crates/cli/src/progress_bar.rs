//! How far a tool is, on standard error, where a person sees it.

use indicatif::ProgressStyle;
use tidings_log::Progress;

/// A bar that is gone when this is dropped. Where standard error is no terminal there is none.
pub(crate) struct ProgressBar(indicatif::ProgressBar);

impl ProgressBar {
    const TEMPLATE: &str = "{msg} {wide_bar:.dim} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";

    /// A bar on this process's standard error, with a word for what is done.
    pub(crate) fn on_stderr(doing: &'static str) -> ProgressBar {
        let bar = indicatif::ProgressBar::new(0).with_message(doing);
        if let Ok(style) = ProgressStyle::with_template(ProgressBar::TEMPLATE) {
            bar.set_style(style);
        }
        ProgressBar(bar)
    }

    /// Shows how far it is.
    pub(crate) fn show(&self, progress: Progress) {
        self.0.set_length(progress.total);
        self.0.set_position(progress.done);
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_one() {
        assert!(ProgressStyle::with_template(ProgressBar::TEMPLATE).is_ok());
    }
}
