//! Ticks that are read at once, and for how long a sample holds in them.

use super::frame::Frame;
use crate::question::Step;
use nodemon_formats::reader::ReadError;

/// Ticks that are read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The ticks.
    pub step: Step,
    /// Number of the first.
    pub first: i64,
    /// How many.
    pub count: usize,
}

/// Who is told of damaged blocks.
pub type Warn<'a> = &'a mut dyn FnMut(&ReadError);

impl Window {
    /// When they begin, ns since the epoch.
    pub fn from(&self) -> i64 {
        self.step.start(self.first)
    }

    /// When they end.
    pub fn to(&self) -> i64 {
        self.step.start(self.first.saturating_add_unsigned(self.count as u64))
    }

    /// A frame without parts for each tick.
    pub fn frames(&self) -> Vec<Frame> {
        let frame = |tick| Frame {
            from: self.step.start(tick),
            to: self.step.start(tick + 1),
            ..Frame::default()
        };
        (self.first..).take(self.count).map(frame).collect()
    }
}

/// For how long a sample is shown that has no successor yet, ns. What is sampled less often than
/// there are ticks holds until it is sampled again; what is sampled about as often may miss a tick
/// and come twice in the next.
pub fn holds(interval_ns: u64, step: i64) -> i64 {
    let interval = i64::try_from(interval_ns).unwrap_or(i64::MAX);
    match interval {
        interval if interval > step => interval.saturating_mul(5) / 2,
        interval if interval.saturating_mul(2) > step => step + 1,
        _ => 0,
    }
}
