//! Takes rows out of what programs fill in the kernel.

mod dense;
mod entries;
mod events;
mod iterator;
mod live;
mod losses;
mod ring;

pub use entries::Entries;
pub(crate) use iterator::Iterator;
pub(crate) use iterator::read_through;
pub use live::Live;
pub(crate) use losses::Losses;
pub use losses::Lost;

use crate::error::FeatureError;
use crate::feature::{Layout, Origin, Table};
use crate::object::{check_sizes, take_map};
use aya::Ebpf;
use dense::{DenseCounters, DenseHistogram};
use events::Events;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// One row as the kernel hands it out.
pub struct Row<'a> {
    /// When it happened, `CLOCK_BOOTTIME` ns; 0 of what is sampled.
    pub time_ns: u64,
    /// The structure of the keys, or of keys and values.
    pub keys: &'a [u8],
    /// The structure of the values; empty where they are in one with the keys.
    pub values: &'a [u8],
}

/// Reads one table.
pub struct Reader {
    /// Where its columns are within a row.
    pub layout: Arc<Layout>,
    has_more: bool,
    kind: Kind,
}

enum Kind {
    Entries(Entries),
    DenseCounters(DenseCounters),
    DenseHistogram(DenseHistogram),
    Iterator(Iterator),
    Events(Events),
}

impl Reader {
    /// What reads `table` out of a feature that is loaded.
    pub(crate) fn for_table(
        table: &Table,
        object: &mut Ebpf,
        iterators: &[(&'static str, OwnedFd)],
        cpus: u32,
    ) -> Result<Reader, FeatureError> {
        let mut layout = table.layout();
        let kind = match table.origin {
            Origin::Counters(name) => {
                let map = take_map(object, name)?;
                check_sizes(table, &map, layout.key_bytes, layout.value_bytes)?;
                Kind::Entries(Entries::new(map)?)
            }
            Origin::Histogram(name) => {
                let map = take_map(object, name)?;
                // The bucket is the last member; the structure ends where its alignment wants it.
                layout.key_bytes = bucket_offset(&layout);
                let whole = (layout.key_bytes + 4).next_multiple_of(layout.align());
                check_sizes(table, &map, whole, 8)?;
                Kind::Entries(Entries::new(map)?)
            }
            Origin::DenseCounters(name, stretch) => {
                let map = take_map(object, name)?;
                check_sizes(table, &map, 4, layout.value_bytes)?;
                let words = layout.value_bytes / 8;
                Kind::DenseCounters(DenseCounters::new(map, cpus, stretch, words)?)
            }
            Origin::DenseHistogram(name, keys) => {
                let map = take_map(object, name)?;
                check_sizes(table, &map, 4, 8)?;
                Kind::DenseHistogram(DenseHistogram::new(map, cpus, keys)?)
            }
            Origin::Iterator(program) => {
                let link = iterators.iter().find(|(name, _)| *name == program);
                let (_, link) = link.ok_or_else(|| {
                    FeatureError::Object(format!("the iterator '{program}' does not run"))
                })?;
                let link = link
                    .try_clone()
                    .map_err(|source| FeatureError::Read { path: program.into(), source })?;
                Kind::Iterator(Iterator::new(link, layout.key_bytes))
            }
            Origin::Events(name) => {
                Kind::Events(Events::new(name, take_map(object, name)?, layout.key_bytes)?)
            }
        };
        Ok(Reader { layout: Arc::new(layout), has_more: false, kind })
    }

    /// Hands out every row of a table of counters or of an iterator, or every event since this was
    /// called before, oldest first.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn rows(&mut self, mut row: impl FnMut(Row<'_>)) -> io::Result<()> {
        match &mut self.kind {
            Kind::Entries(entries) => entries.each(|keys, values| {
                row(Row { time_ns: 0, keys, values });
            }),
            Kind::DenseCounters(counters) => {
                counters.each(|keys, values| row(Row { time_ns: 0, keys, values }));
                Ok(())
            }
            Kind::DenseHistogram(_) => Ok(()),
            Kind::Iterator(iterator) => iterator.each(|keys| {
                row(Row { time_ns: 0, keys, values: &[] });
            }),
            Kind::Events(events) => {
                let each = |time_ns, keys: &[u8]| row(Row { time_ns, keys, values: &[] });
                self.has_more = events.each(each);
                Ok(())
            }
        }
    }

    /// Whether there were more events than are handed out at once.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Whether there is little room left for new keys of a table of histograms.
    pub fn is_crowded(&self) -> bool {
        matches!(&self.kind, Kind::Entries(entries) if entries.is_crowded())
    }

    /// Takes a bucket of such a table out, and says how often it was hit by then. `None` for one that
    /// cannot be taken out, which stays.
    pub fn take_bucket(&mut self, keys: &[u8], bucket: u32) -> Option<u64> {
        let Kind::Entries(entries) = &mut self.kind else { return None };
        let count = entries.take(&[keys, &bucket.to_le_bytes()])?;
        count.first_chunk().map(|count| u64::from_le_bytes(*count))
    }

    /// Hands out every bucket of a table of histograms: the keys, the number of the bucket and how
    /// often it was hit since the feature was loaded.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn buckets(&mut self, mut bucket: impl FnMut(&[u8], u32, u64)) -> io::Result<()> {
        match &mut self.kind {
            Kind::Entries(entries) => {
                let at = self.layout.key_bytes;
                entries.each(|keys, values| {
                    let number = keys.get(at..).and_then(<[u8]>::first_chunk);
                    let count = values.first_chunk();
                    if let (Some(number), Some(count)) = (number, count) {
                        bucket(
                            &keys[..at],
                            u32::from_le_bytes(*number),
                            u64::from_le_bytes(*count),
                        );
                    }
                })
            }
            Kind::DenseHistogram(histogram) => {
                histogram.each(bucket);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Where the number of the bucket is within the key of a histogram.
fn bucket_offset(layout: &Layout) -> usize {
    let end = layout.keys.iter().map(|place| place.offset + place.cell.size_bytes()).max();
    end.unwrap_or(0).next_multiple_of(4)
}
