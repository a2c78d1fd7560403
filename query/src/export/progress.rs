//! A bar on a terminal; nothing elsewhere.

use super::tables::Source;
use crate::span::Span;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use nodemon_formats::narrow::whole;
use nodemon_formats::text::printable;
use std::cell::Cell;

/// How far the export is, in bytes of blocks.
pub struct Progress {
    bar: ProgressBar,
    /// Bytes of the tables that are done.
    done: Cell<u64>,
    from: i64,
    to: i64,
    /// Bytes of the table at hand.
    weight: Cell<u64>,
}

const TEMPLATE: &str = "{bar:32} {percent:>3} %  {elapsed} + {eta}  {msg}";

impl Progress {
    /// Nothing is done yet. Draws on standard error where that is a terminal.
    pub fn new(sources: &[Source], span: &Span) -> Progress {
        let total = sources.iter().map(|source| source.weight).sum();
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
            .with_finish(ProgressFinish::AndClear);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        let (done, weight) = (Cell::new(0), Cell::new(0));
        Progress { bar, done, from: span.from, to: span.to, weight }
    }

    /// The next table.
    pub fn begin(&self, source: &Source) {
        self.weight.set(source.weight);
        self.bar.set_message(printable(&source.schema.name).into_owned());
    }

    /// The table at hand is written up to wall time `time`.
    pub fn reached(&self, time: i64) {
        let length = (self.to - self.from).max(1) as f64;
        let share = (time.saturating_sub(self.from) as f64 / length).clamp(0.0, 1.0);
        self.bar.set_position(self.done.get() + whole(self.weight.get() as f64 * share));
    }

    /// The table is written.
    pub fn end(&self, source: &Source) {
        self.done.set(self.done.get() + source.weight);
        self.bar.set_position(self.done.get());
    }

    /// Lets `tell` write to standard error without the bar in its way.
    pub fn above(&self, tell: impl FnOnce()) {
        self.bar.suspend(tell);
    }

    /// Everything is written.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
