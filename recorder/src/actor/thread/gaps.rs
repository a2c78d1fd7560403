//! Gaps that wait to be sent.

use nodemon_formats::Gap;
use nodemon_formats::gap::SCATTERED;

/// So many wait apart from each other; memory must stay bounded while nothing can be sent.
const MOST_GAPS: usize = 1000;

/// Adds `gap`. One that begins no later than `slack_ns` after the end of another of its kind makes
/// that one longer; so does one too many.
///
/// The slack is for sources that miss every other tick: hundreds of gaps a second of a millisecond
/// each tell nobody more than one that counts what was lost in it.
pub fn add_gap(gaps: &mut Vec<Gap>, gap: Gap, slack_ns: u64) {
    let is_full = gaps.len() >= MOST_GAPS;
    let same = gaps.iter_mut().rev().find(|old| {
        let detail = old.detail == gap.detail || old.detail == SCATTERED && gap.detail.is_empty();
        old.table == gap.table && old.cause == gap.cause && (is_full || detail)
    });
    match same {
        Some(old) if is_full || gap.from_ns <= old.to_ns.saturating_add(slack_ns) => {
            if gap.from_ns > old.to_ns {
                SCATTERED.clone_into(&mut old.detail);
            }
            old.to_ns = old.to_ns.max(gap.to_ns);
            old.lost += gap.lost;
        }
        _ => gaps.push(gap),
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_GAPS, add_gap};
    use nodemon_formats::{Gap, GapCause};

    fn gap(table: &str, from_ns: u64, to_ns: u64) -> Gap {
        let cause = GapCause::QueueFull;
        Gap { table: table.into(), cause, from_ns, to_ns, lost: 1, detail: String::new() }
    }

    #[test]
    fn a_queue_that_stays_full_leaves_one_gap_a_table_that_counts_every_sample() {
        let mut gaps = Vec::new();
        for second in 1..=1000 {
            for table in ["cpu", "disk"] {
                add_gap(&mut gaps, gap(table, second - 1, second + 1), 0);
            }
        }
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        for gap in &gaps {
            assert_eq!((gap.from_ns, gap.to_ns, gap.lost), (0, 1001, 1000));
        }
    }

    #[test]
    fn gaps_with_data_in_between_stay_apart() {
        let mut gaps = Vec::new();
        add_gap(&mut gaps, gap("cpu", 0, 10), 9);
        add_gap(&mut gaps, gap("cpu", 20, 30), 9);
        add_gap(&mut gaps, Gap { cause: GapCause::Late, ..gap("cpu", 20, 30) }, 9);
        assert_eq!(gaps.len(), 3, "{gaps:?}");
        assert!(gaps.iter().all(|gap| gap.detail.is_empty()));
    }

    #[test]
    fn who_misses_every_other_tick_leaves_one_gap_that_says_so_and_counts_all() {
        let mut gaps = Vec::new();
        for tick in 0..100 {
            add_gap(&mut gaps, gap("cpu", tick * 3, tick * 3 + 2), 8);
        }
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert_eq!((gaps[0].from_ns, gaps[0].to_ns, gaps[0].lost), (0, 299, 100));
        assert_eq!(gaps[0].detail, super::SCATTERED);
    }

    #[test]
    fn however_many_gaps_there_are_they_take_bounded_memory_and_lose_no_sample() {
        let mut gaps = Vec::new();
        for n in 0..10 * MOST_GAPS as u64 {
            add_gap(&mut gaps, gap("cpu", n * 100, n * 100 + 1), 0);
        }
        assert_eq!(gaps.len(), MOST_GAPS);
        assert_eq!(gaps.iter().map(|gap| gap.lost).sum::<u64>(), 10 * MOST_GAPS as u64);
    }
}
