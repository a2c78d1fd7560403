//! Pieces of a gap become one.

use nodemon_formats::GapCause;
use nodemon_formats::gap::SCATTERED;
use nodemon_formats::reader::WallGap;
use std::collections::HashMap;

/// How often the tables are sampled whose gaps are joined, ns.
pub enum Interval<'a> {
    /// All of them.
    Same(i64),
    /// Each by its name; what is not in it happens at any time.
    ByTable(&'a HashMap<String, i64>),
}

impl Interval<'_> {
    fn for_table(&self, table: &str) -> i64 {
        match self {
            Interval::Same(interval) => *interval,
            Interval::ByTable(intervals) => intervals.get(table).copied().unwrap_or(0),
        }
    }
}

/// Makes gaps of one table, cause and detail one where they adjoin, or are closer to each other
/// than one sample to the next. `gaps` ascend, and so does what is returned.
pub fn join(gaps: Vec<WallGap>, interval: Interval<'_>) -> Vec<WallGap> {
    let mut joined: Vec<WallGap> = Vec::with_capacity(gaps.len().min(1024));
    // By what is missing and why, the last such gap.
    let mut last: HashMap<(String, GapCause, String), usize> = HashMap::new();
    for gap in gaps {
        let key = (gap.gap.table.clone(), gap.gap.cause, gap.gap.kind().to_owned());
        let slack = interval.for_table(&gap.gap.table);
        let known = last.get(&key).and_then(|at| joined.get_mut(*at));
        match known.filter(|known| gap.from <= known.to.saturating_add(slack)) {
            Some(known) => {
                known.to = known.to.max(gap.to);
                known.gap.to_ns = known.gap.to_ns.max(gap.gap.to_ns);
                known.gap.lost = known.gap.lost.saturating_add(gap.gap.lost);
                if gap.gap.detail == SCATTERED {
                    known.gap.detail = gap.gap.detail;
                }
            }
            None => {
                last.insert(key, joined.len());
                joined.push(gap);
            }
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::{Interval, join};
    use nodemon_formats::gap::SCATTERED;
    use nodemon_formats::reader::WallGap;
    use nodemon_formats::{Gap, GapCause};

    const SECOND: i64 = 1_000_000_000;

    fn gap(table: &str, cause: GapCause, from: i64, to: i64, detail: &str) -> WallGap {
        let (from_ns, to_ns) = (from.cast_unsigned(), to.cast_unsigned());
        let (table, detail) = (table.to_owned(), detail.to_owned());
        WallGap { gap: Gap { table, cause, from_ns, to_ns, lost: 1, detail }, from, to }
    }

    fn spans(gaps: &[WallGap]) -> Vec<(i64, i64, u64)> {
        gaps.iter().map(|gap| (gap.from, gap.to, gap.gap.lost)).collect()
    }

    #[test]
    fn a_hang_that_was_written_a_piece_a_second_is_one_gap_of_each_table_and_culprit() {
        let mut pieces = Vec::new();
        for second in 0..60 {
            for (table, who) in [("filesystem", "/a"), ("filesystem", "/b"), ("process", "7")] {
                let (from, to) = (second * SECOND, (second + 1) * SECOND);
                pieces.push(gap(table, GapCause::SourceFailed, from, to, who));
            }
        }
        let joined = join(pieces, Interval::Same(SECOND));
        assert_eq!(spans(&joined), [(0, 60 * SECOND, 60); 3]);
    }

    #[test]
    fn pieces_closer_than_a_sample_to_the_next_are_one_gap_and_others_stay_apart() {
        let late = |from, to| gap("cpu", GapCause::Late, from, to, "the sampling timer fired late");
        let scattered = gap("cpu", GapCause::Late, 25, 40, SCATTERED);
        let joined =
            join(vec![late(0, 10), late(15, 20), scattered, late(46, 50)], Interval::Same(5));
        assert_eq!(spans(&joined), [(0, 40, 3), (46, 50, 1)]);
        assert_eq!(joined[0].gap.detail, SCATTERED, "there were samples in between");
        let other = gap("cpu", GapCause::Overrun, 10, 20, "");
        let joined = join(
            vec![late(0, 10), other, gap("disk", GapCause::Late, 10, 20, "")],
            Interval::Same(5),
        );
        assert_eq!(joined.len(), 3, "another cause or table is another gap: {joined:?}");
    }
}
