//! Wall times of a recording: boot times plus the offset that held, corrected so that time never
//! goes backwards.
//!
//! The wall clock steps: forwards when a machine finds its time server, backwards when it was
//! ahead. Rows carry boot time, which does not step, and offsets are recorded when they change. A
//! later offset is the better one, so where the wall clock stepped back, the rows before the step
//! are shown by the clock of the rows after it: each piece of time ends no later than the next
//! begins. Steps forward stay as they were.

use crate::clock::ClockOffset;

/// One piece of time with one offset.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    boot: usize,
    from_ns: u64,
    offset_ns: i64,
}

/// The wall times of a recording.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    boots: Vec<String>,
    /// Numbers of the boots in the order of time.
    order: Vec<usize>,
    pieces: Vec<Piece>,
    /// The last boot time that each boot is known to have reached.
    ends: Vec<u64>,
}

impl Timeline {
    /// Gives the boots of a ring, in their order, their places among those that are known. Rings
    /// must come from the one that reaches back furthest: of a boot that none of them knew before
    /// it is then clear what it comes after, or that it is older than what this ring has in common
    /// with them.
    pub fn place(&mut self, boot_ids: &[&str]) {
        let is_known = |boot_id: &&&str| self.boots.iter().any(|boot| boot == **boot_id);
        let mut place = match boot_ids.iter().find(is_known) {
            Some(boot_id) => self.place_of(boot_id).unwrap_or(0),
            None => self.order.len(),
        };
        for boot_id in boot_ids {
            match self.place_of(boot_id) {
                Some(known) => place = known + 1,
                None => {
                    self.order.insert(place, self.boots.len());
                    self.boots.push((*boot_id).to_owned());
                    self.ends.push(0);
                    place += 1;
                }
            }
        }
    }

    fn place_of(&self, boot_id: &str) -> Option<usize> {
        self.order.iter().position(|boot| self.boots[*boot] == boot_id)
    }

    /// The number of a boot that is known.
    pub fn boot(&self, boot_id: &str) -> Option<usize> {
        self.boots.iter().position(|boot| boot == boot_id)
    }

    /// Adds what a segment knows and returns the number of its boot, which has its place; segments
    /// may come in any order.
    pub fn add(&mut self, boot_id: &str, clocks: &[ClockOffset], last_ns: u64) -> usize {
        self.place(&[boot_id]);
        let boot = self.boots.iter().position(|boot| boot == boot_id).unwrap_or(0);
        self.ends[boot] = self.ends[boot].max(last_ns);
        self.pieces.extend(clocks.iter().map(|clock| Piece {
            boot,
            from_ns: clock.from_ns,
            offset_ns: clock.offset_ns,
        }));
        boot
    }

    /// Lowers offsets so that no piece ends after the next one begins.
    pub fn settle(&mut self) {
        let mut rank = vec![0; self.boots.len()];
        for (place, boot) in self.order.iter().enumerate() {
            rank[*boot] = place;
        }
        self.pieces.sort_by_key(|piece| (rank[piece.boot], piece.from_ns));
        self.pieces.dedup_by_key(|piece| (piece.boot, piece.offset_ns));
        let mut next: Option<(i64, Piece)> = None;
        for at in (0..self.pieces.len()).rev() {
            let piece = self.pieces[at];
            let mut offset_ns = piece.offset_ns;
            if let Some((next_begins, next_piece)) = next {
                let end_ns = if next_piece.boot == piece.boot {
                    next_piece.from_ns
                } else {
                    self.ends[piece.boot].max(piece.from_ns)
                };
                offset_ns = offset_ns.min(next_begins.saturating_sub_unsigned(end_ns));
            }
            self.pieces[at].offset_ns = offset_ns;
            next = Some((offset_ns.saturating_add_unsigned(piece.from_ns), piece));
        }
    }

    /// The place of a boot in the order of time.
    pub fn rank(&self, boot: usize) -> usize {
        self.order.iter().position(|known| *known == boot).unwrap_or(0)
    }

    /// The offset that holds at a time of a boot.
    pub fn offset_ns(&self, boot: usize, at_ns: u64) -> i64 {
        let of_boot = || self.pieces.iter().filter(|piece| piece.boot == boot);
        of_boot()
            .take_while(|piece| piece.from_ns <= at_ns)
            .last()
            .or_else(|| of_boot().next())
            .map_or(0, |piece| piece.offset_ns)
    }

    /// The wall time of a time of a boot, ns since the epoch.
    pub fn wall_ns(&self, boot: usize, at_ns: u64) -> i64 {
        self.offset_ns(boot, at_ns).saturating_add_unsigned(at_ns)
    }

    /// Wall times of ascending times of a boot.
    pub fn wall_times(&self, boot: usize, times: &[u64]) -> Vec<i64> {
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return Vec::new() };
        let (offset, at_end) = (self.offset_ns(boot, *first), self.offset_ns(boot, *last));
        if offset == at_end {
            return times.iter().map(|time| offset.saturating_add_unsigned(*time)).collect();
        }
        times.iter().map(|time| self.wall_ns(boot, *time)).collect()
    }

    /// The boot times of a boot that may have wall times in `from..to`; `None` when there are none.
    pub fn boot_span(&self, boot: usize, from: i64, to: i64) -> Option<(u64, u64)> {
        let of_boot: Vec<&Piece> = self.pieces.iter().filter(|piece| piece.boot == boot).collect();
        let mut span: Option<(u64, u64)> = None;
        for (at, piece) in of_boot.iter().enumerate() {
            let begin = if at == 0 { 0 } else { piece.from_ns };
            let end = of_boot.get(at + 1).map_or(u64::MAX, |next| next.from_ns);
            let clip = |wall: i64| {
                let boot_ns = i128::from(wall) - i128::from(piece.offset_ns);
                u64::try_from(boot_ns)
                    .unwrap_or(if boot_ns < 0 { 0 } else { u64::MAX })
                    .clamp(begin, end)
            };
            let (first, last) = (clip(from), clip(to));
            if first < last {
                let (low, high) = span.unwrap_or((first, last));
                span = Some((low.min(first), high.max(last)));
            }
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offset(from_ns: u64, offset_ns: i64) -> ClockOffset {
        ClockOffset { from_ns, offset_ns }
    }

    #[test]
    fn a_step_back_moves_what_came_before_it_and_a_step_forward_does_not() {
        let mut timeline = Timeline::default();
        timeline.add("a", &[offset(0, 1000), offset(100, 950), offset(200, 5000)], 300);
        timeline.settle();
        let walls: Vec<i64> = [0, 99, 100, 199, 200].map(|at| timeline.wall_ns(0, at)).into();
        assert_eq!(walls, [950, 1049, 1050, 1149, 5200]);
    }

    proptest! {
        #[test]
        fn wall_time_never_goes_backwards(
            boots in proptest::collection::vec(
                (proptest::collection::vec((1u64..1000, -500i64..500), 1..5), 0u64..1000),
                1..4,
            ),
        ) {
            let mut timeline = Timeline::default();
            let mut moments = Vec::new();
            for (number, (steps, tail)) in boots.iter().enumerate() {
                let mut at = 0;
                let mut clocks = Vec::new();
                for (length, offset_ns) in steps {
                    clocks.push(offset(at, *offset_ns));
                    at += length;
                }
                let end = at + tail;
                timeline.add(&number.to_string(), &clocks, end);
                moments.extend((0..=end).step_by(7).map(|moment| (number, moment)));
            }
            timeline.settle();
            let walls: Vec<i64> =
                moments.iter().map(|(boot, at)| timeline.wall_ns(*boot, *at)).collect();
            for (pair, moment) in walls.windows(2).zip(&moments) {
                prop_assert!(pair[0] <= pair[1], "after boot {} time {}", moment.0, moment.1);
            }
            for (boot, at) in moments {
                let wall = timeline.wall_ns(boot, at);
                let (low, high) = timeline.boot_span(boot, wall, wall + 1).unwrap_or((1, 0));
                prop_assert!((low..=high).contains(&at), "{at} outside {low}..={high}");
            }
        }
    }
}
