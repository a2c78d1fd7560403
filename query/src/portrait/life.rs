//! The lives that were seen: a number of a process may be given out again.

/// A start is known to so many ns: the kernel counts it in steps of 10 ms.
pub const START_SLACK_NS: i64 = 50_000_000;
/// So many lives are kept at most, those with most CPU time.
const MOST_LIVES: usize = 4096;

/// A process, from its start to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Its number.
    pub pid: u64,
    /// Its key in the table `process`.
    pub start_ns: Option<u64>,
    /// Wall time of its start.
    pub start: Option<i64>,
    /// Wall time before which it was not seen, and behind which it was not.
    pub seen: (i64, i64),
    /// Wall time of its end.
    pub end: Option<i64>,
    /// Name of its program.
    pub command: String,
    /// Its command line.
    pub cmdline: String,
    /// CPU time in the span, or of its life where that is all that is known.
    pub cpu_ns: u64,
}

impl Life {
    /// When it began, as far as that is known.
    pub fn begin(&self) -> i64 {
        self.start.unwrap_or(self.seen.0)
    }

    /// Whether it lived at a wall time.
    pub fn lived_at(&self, time: i64) -> bool {
        let end = self.end.unwrap_or(self.seen.1);
        self.begin().saturating_sub(START_SLACK_NS) <= time && time <= end
    }

    /// Its command line without the directory of the program, or else its name.
    pub fn called(&self) -> String {
        if self.cmdline.is_empty() {
            return self.command.clone();
        }
        let (program, rest) = self.cmdline.split_once(' ').unwrap_or((&self.cmdline, ""));
        let program = program.rsplit('/').next().unwrap_or_default();
        format!("{program} {rest}").trim_end().to_owned()
    }
}

/// The lives that may be meant.
#[derive(Default)]
pub struct Lives {
    lives: Vec<Life>,
    /// How many were too many.
    pub dropped: u64,
}

impl Lives {
    /// Those that are kept.
    pub fn all(&self) -> &[Life] {
        &self.lives
    }

    /// The same, to say more of them.
    pub fn all_mut(&mut self) -> &mut [Life] {
        &mut self.lives
    }

    /// A life of the table `process`.
    pub fn sampled(&mut self, life: Life) {
        let is_it = |known: &&mut Life| {
            known.pid == life.pid && known.start_ns.is_some() && known.start_ns == life.start_ns
        };
        match self.lives.iter_mut().rev().find(is_it) {
            Some(known) => {
                known.cpu_ns = known.cpu_ns.saturating_add(life.cpu_ns);
                known.seen = (known.seen.0.min(life.seen.0), known.seen.1.max(life.seen.1));
                known.start = life.start.or(known.start);
                if !life.command.is_empty() {
                    (known.command, known.cmdline) = (life.command, life.cmdline);
                }
            }
            None => self.push(life),
        }
    }

    /// The end of a life that began at a wall time.
    pub fn ended(&mut self, start: Option<i64>, life: Life) {
        let end = life.end;
        let is_it = |known: &&mut Life| {
            let is_near =
                |start: i64| known.begin().abs_diff(start) <= START_SLACK_NS.unsigned_abs();
            let is_open = known.start_ns.is_none() && known.start.is_none() && known.end.is_none();
            known.pid == life.pid && (is_open || start.is_none_or(is_near))
        };
        match self.lives.iter_mut().rev().find(is_it) {
            Some(known) => {
                known.end = end;
                known.start = known.start.or(start);
                known.cpu_ns = known.cpu_ns.max(life.cpu_ns);
            }
            None => self.push(life),
        }
    }

    /// What is seen of a life at a wall time, and not when it began.
    pub fn glimpsed(&mut self, life: Life) {
        let time = life.seen.0;
        let is_it = |known: &&mut Life| {
            let is_after = known.begin().saturating_sub(START_SLACK_NS) <= time;
            known.pid == life.pid && is_after && known.end.is_none_or(|end| time <= end)
        };
        match self.lives.iter_mut().rev().find(is_it) {
            Some(known) => {
                known.seen.1 = known.seen.1.max(time);
                if known.start_ns.is_none() {
                    known.cpu_ns = known.cpu_ns.saturating_add(life.cpu_ns);
                    known.command = life.command;
                    if !life.cmdline.is_empty() {
                        known.cmdline = life.cmdline;
                    }
                }
            }
            None => self.push(life),
        }
    }

    /// Takes in the order of their starts.
    pub fn sort(&mut self) {
        self.lives.sort_by_key(|life| (life.begin(), life.pid));
    }

    fn push(&mut self, life: Life) {
        self.lives.push(life);
        if self.lives.len() > MOST_LIVES {
            self.lives.sort_by_key(|life| std::cmp::Reverse(life.cpu_ns));
            self.dropped += (self.lives.len() - MOST_LIVES / 2) as u64;
            self.lives.truncate(MOST_LIVES / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Life, Lives};

    #[test]
    fn samples_of_one_start_are_one_life_and_an_exit_finds_it() {
        let mut lives = Lives::default();
        let sampled = |start_ns: u64, cpu_ns| Life {
            pid: 7,
            start_ns: Some(start_ns),
            start: Some(start_ns.cast_signed()),
            seen: (start_ns.cast_signed(), start_ns.cast_signed() + 1_000_000_000),
            cpu_ns,
            ..Life::default()
        };
        lives.sampled(sampled(1_000_000_000, 5));
        lives.sampled(sampled(1_000_000_000, 6));
        lives.sampled(sampled(9_000_000_000, 7));
        let exit = Life { pid: 7, end: Some(3_000_000_000), cpu_ns: 9, ..Life::default() };
        lives.ended(Some(1_004_000_000), exit);
        let told: Vec<_> = lives.all().iter().map(|life| (life.cpu_ns, life.end)).collect();
        assert_eq!(told, [(11, Some(3_000_000_000)), (7, None)]);
        assert!(lives.all()[0].lived_at(2_500_000_000) && !lives.all()[0].lived_at(4_000_000_000));
    }

    #[test]
    fn no_number_of_lives_takes_more_memory_than_is_set() {
        let mut lives = Lives::default();
        for pid in 0..20_000 {
            lives.glimpsed(Life { pid, cpu_ns: pid, ..Life::default() });
        }
        assert!(lives.all().len() <= super::MOST_LIVES);
        assert_eq!(lives.all().len() as u64 + lives.dropped, 20_000);
        assert!(lives.all().iter().any(|life| life.pid == 19_999));
    }
}
