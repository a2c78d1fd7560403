//! What a source puts its samples into, with their times and with what is missing.

use nodemon_formats::clock::boottime_ns;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::{GapCause, Schema};
use std::borrow::Cow;

/// Intervals from here on are sampled with times in whole microseconds.
const COARSE_INTERVAL_NS: u64 = 100_000_000;

/// Where a source puts its samples: one builder for each of its tables.
pub struct Sink {
    builders: Vec<RecordBuilder>,
    clock: SampleClock,
    gaps: Vec<KernelGap>,
    more: bool,
}

/// Tells the times of samples.
#[derive(Clone, Copy, Debug)]
pub struct SampleClock {
    /// Times are multiples of this, ns.
    step_ns: u64,
}

/// What a source lost, in the kernel or because something did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelGap {
    /// The table that lost it; `None` for all tables, which have one sample each at a time.
    pub table: Option<usize>,
    /// Why.
    pub cause: GapCause,
    /// The last sample before it, `CLOCK_BOOTTIME` ns.
    pub from_ns: u64,
    /// The first sample after it.
    pub to_ns: u64,
    /// Samples that are missing.
    pub lost: u64,
    /// What there is to say beside the cause.
    pub detail: Cow<'static, str>,
}

impl SampleClock {
    /// The time of a sample whose data was read just now: `CLOCK_BOOTTIME` ns, to be taken right
    /// after each read. At intervals of 100 ms and more it is rounded down to a microsecond, which
    /// is still finer than the read is long and takes less room on disk.
    pub fn time_ns(self) -> u64 {
        let now_ns = boottime_ns();
        now_ns - now_ns % self.step_ns
    }
}

impl Sink {
    /// Builders for the tables of a source, in the order of [`Descriptor::tables`](super::Descriptor::tables).
    pub fn new(tables: &[Schema]) -> Sink {
        let interval_ns = tables.first().map_or(0, |table| table.interval_ns);
        let step_ns = if interval_ns >= COARSE_INTERVAL_NS { 1_000 } else { 1 };
        Sink {
            builders: tables.iter().map(RecordBuilder::new).collect(),
            clock: SampleClock { step_ns },
            gaps: Vec::new(),
            more: false,
        }
    }

    /// What tells times.
    pub fn clock(&self) -> SampleClock {
        self.clock
    }

    /// See [`SampleClock::time_ns`].
    pub fn time_ns(&self) -> u64 {
        self.clock.time_ns()
    }

    /// Says that `lost` samples of the kernel are missing between two others.
    pub fn gap(
        &mut self,
        cause: GapCause,
        from_ns: u64,
        to_ns: u64,
        lost: u64,
        detail: impl Into<Cow<'static, str>>,
    ) {
        let detail = detail.into();
        self.gaps.push(KernelGap { table: None, cause, from_ns, to_ns, lost, detail });
    }

    /// Says that one table lost so many rows between two times, beside those that it has.
    pub fn lose(
        &mut self,
        table: usize,
        cause: GapCause,
        (from_ns, to_ns): (u64, u64),
        lost: u64,
        detail: impl Into<Cow<'static, str>>,
    ) {
        let (table, detail) = (Some(table), detail.into());
        self.gaps.push(KernelGap { table, cause, from_ns, to_ns, lost, detail });
    }

    /// The gaps that were told since they were last taken.
    pub fn take_gaps(&mut self) -> Vec<KernelGap> {
        std::mem::take(&mut self.gaps)
    }

    /// Says that there is more to drain, once this was sent.
    pub fn set_more(&mut self) {
        self.more = true;
    }

    /// Whether there was more to drain.
    pub fn take_more(&mut self) -> bool {
        std::mem::take(&mut self.more)
    }

    /// The builder of a table.
    ///
    /// # Panics
    /// When the source has no such table, which its first sample in a test shows.
    pub fn table(&mut self, index: usize) -> &mut RecordBuilder {
        &mut self.builders[index]
    }

    /// Takes back every sample that was begun and not ended.
    pub fn abandon_unfinished(&mut self) {
        for builder in self.builders.iter_mut().filter(|builder| builder.is_open()) {
            builder.abandon_sample();
        }
    }

    /// All builders, in the order of the tables.
    pub fn tables(&mut self) -> &mut [RecordBuilder] {
        &mut self.builders
    }
}
