//! Rollup tiers: what is left of the past when the rows themselves are gone.
//!
//! A tier is a ring of its own in a directory below the recording. Of each sample table that is
//! sampled faster than its step it keeps one row a step and instance, made from the rows as their
//! blocks are sealed: of counters the last value and the growth, of states the last value, of gauges
//! the last, smallest, largest and mean, of histograms the sum. Steps are aligned to the wall clock.

pub mod dir;
mod gauge;
mod growth;
mod histogram;
mod last;
pub mod schema;
mod table;

use super::ring_writer::{RingWriter, disk_error};
use super::tools::Tools;
use super::{Commit, TierOptions, WriteError, WriterOptions, WriterStats};
use crate::block::Piece;
use crate::clock::{ClockOffset, boottime_ns};
use crate::gap::{Gap, SCATTERED};
use crate::ring::{Budget, Ring};
use crate::schema::{Schema, TableKind};
use rkyv::util::AlignedVec;
use schema::rolled_up;
use std::path::Path;
use std::sync::Arc;
use table::TierTable;

/// A tier that is being written.
pub struct Tier {
    step_ns: u64,
    writer: RingWriter,
    /// By the number of the table; `None` for tables that this tier does not keep.
    tables: Vec<Option<Box<TierTable>>>,
    archive: AlignedVec,
    /// Commits of the rows since there was something to commit here.
    commits_waited: u32,
    /// Gaps that others of the same step may still be added to.
    gaps: Vec<Gap>,
}

/// Gaps that wait for others at most.
const MOST_GAPS: usize = 1000;

/// What comes into a tier is made durable with every so manieth commit of the rows, which are
/// durable already: a commit costs the same whether it brings a row or ten, and the one of the
/// seconds would double what the rows cost.
const COMMITS_TO_WAIT: u32 = 10;

impl Tier {
    /// Opens the tier in `dir`, which exists.
    ///
    /// # Errors
    /// [`WriteError::Disk`].
    pub fn open(
        dir: &Path,
        budget: &Budget,
        options: &WriterOptions,
        tier: TierOptions,
    ) -> Result<Tier, WriteError> {
        let ring = Ring::open(dir, (budget, tier.size_bytes), &[], &[]);
        let ring = ring.map_err(|error| disk_error("list", dir, error))?;
        Ok(Tier {
            step_ns: tier.step_ns,
            writer: RingWriter::new(ring, options.clone(), tier.step_ns),
            tables: Vec::new(),
            archive: AlignedVec::new(),
            commits_waited: 0,
            gaps: Vec::new(),
        })
    }

    /// Makes a table known; tables must come in the order of their numbers. Returns whether it keeps it.
    pub fn add_table(&mut self, schema: &Arc<Schema>) -> bool {
        let kept = schema.kind == TableKind::Sample && schema.interval_ns < self.step_ns;
        let table = kept.then(|| {
            let rolled = Arc::new(rolled_up(schema, self.step_ns));
            let number = self.writer.add_table(rolled.clone());
            Box::new(TierTable::new(schema.clone(), rolled, number))
        });
        self.tables.push(table);
        kept
    }

    /// Adds the first `samples` of some rows of a block. `clocks` are the offsets from boot time to
    /// wall time, oldest first.
    pub fn add(&mut self, number: u32, piece: Piece<'_>, samples: usize, clocks: &[ClockOffset]) {
        let Some(Some(table)) = self.tables.get_mut(number as usize) else { return };
        let step_ns = self.step_ns.cast_signed();
        let step_of =
            |at_ns| offset_at(clocks, at_ns).saturating_add_unsigned(at_ns).div_euclid(step_ns);
        table.add(piece, samples, step_of);
        table.send(&mut self.archive, &mut self.writer);
    }

    /// Records a gap of the rows, which the tier outlives. Those of one table, cause and kind that are
    /// less than a step apart are one here.
    pub fn gap(&mut self, gap: &Gap) {
        let is_near = |known: &&mut Gap| {
            (&known.table, known.cause, known.kind()) == (&gap.table, gap.cause, gap.kind())
                && gap.from_ns <= known.to_ns.saturating_add(self.step_ns)
                && known.from_ns <= gap.to_ns.saturating_add(self.step_ns)
        };
        match self.gaps.iter_mut().rev().find(is_near) {
            Some(known) => {
                known.from_ns = known.from_ns.min(gap.from_ns);
                known.to_ns = known.to_ns.max(gap.to_ns);
                known.lost += gap.lost;
                if gap.detail == SCATTERED {
                    known.detail.clone_from(&gap.detail);
                }
            }
            None => self.gaps.push(gap.clone()),
        }
    }

    /// Passes on the gaps to which nothing more is added: those that began a step ago, or all.
    fn end_gaps(&mut self, all: bool) {
        if self.gaps.is_empty() {
            return;
        }
        let (now_ns, all) = (boottime_ns(), all || self.gaps.len() > MOST_GAPS);
        let is_old = |gap: &mut Gap| all || gap.from_ns.saturating_add(self.step_ns) <= now_ns;
        for gap in self.gaps.extract_if(.., is_old) {
            self.writer.gap(gap);
        }
    }

    /// Commits what steps have ended, and on closing the step that has not.
    ///
    /// # Errors
    /// [`WriteError::Disk`].
    pub fn commit(
        &mut self,
        close: bool,
        clock: ClockOffset,
        tools: &mut Tools,
    ) -> Result<Commit, WriteError> {
        if close {
            for table in self.tables.iter_mut().flatten() {
                table.end_step();
                table.send(&mut self.archive, &mut self.writer);
            }
        }
        self.end_gaps(close);
        self.commits_waited += u32::from(self.writer.is_waiting());
        if close || self.commits_waited >= COMMITS_TO_WAIT {
            self.commits_waited = 0;
            let committed = self.writer.commit(close, clock, tools, &mut |_, _, _| ());
            // A block of a minute's processes is several times what a second takes, and comes
            // once a minute.
            if committed.as_ref().is_ok_and(|commit| commit.blocks > 0) {
                *tools = Tools::default();
            }
            committed
        } else {
            Ok(Commit::default())
        }
    }

    /// [`RingWriter::begin_behind`]
    pub fn begin_behind(&mut self, number: u64) {
        self.writer.begin_behind(number);
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.writer.dir()
    }

    /// Changes the share of this ring. Deletes nothing.
    pub fn set_share_bytes(&self, share_bytes: u64) {
        self.writer.set_share_bytes(share_bytes);
    }

    /// Totals since the start.
    pub fn stats(&self) -> WriterStats {
        self.writer.stats()
    }
}

/// The offset that holds at a time: that of the latest piece that has begun, as readers have it.
fn offset_at(clocks: &[ClockOffset], at_ns: u64) -> i64 {
    let begun = clocks.iter().rev().find(|clock| clock.from_ns <= at_ns);
    begun.or(clocks.first()).map_or(0, |clock| clock.offset_ns)
}
