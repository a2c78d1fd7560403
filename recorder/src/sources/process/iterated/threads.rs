//! What the threads of all processes used, but for the first one of each.

use nodemon_recorder_ebpf::process::{ThreadRow, Usage};
use std::mem;

/// A thread.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// Its number.
    pub tid: u32,
    /// Its process.
    pub pid: u32,
    /// What it used.
    pub usage: Usage,
    /// What its row said of the threads that had ended, if it has one of this sample.
    pub ended_cpu_ns: Option<u64>,
}

/// Those of the last sample and those of this one, both by number.
#[derive(Debug, Default)]
pub struct Threads {
    last: Vec<Thread>,
    at: usize,
    now: Vec<Thread>,
}

impl Threads {
    /// Begins a sample.
    pub fn begin(&mut self) {
        mem::swap(&mut self.last, &mut self.now);
        self.now.clear();
        self.at = 0;
    }

    /// The thread of that number has not run. `false` when there was none.
    #[must_use]
    pub fn stay(&mut self, tid: u32) -> bool {
        while self.last.get(self.at).is_some_and(|thread| thread.tid < tid) {
            self.at += 1;
        }
        let Some(thread) = self.last.get(self.at).filter(|thread| thread.tid == tid) else {
            return false;
        };
        self.now.push(Thread { ended_cpu_ns: None, ..*thread });
        true
    }

    /// A thread that is new or has run.
    pub fn update(&mut self, row: &ThreadRow) {
        self.now.push(Thread {
            tid: row.tid,
            pid: row.pid,
            usage: row.usage,
            ended_cpu_ns: Some(row.ended_cpu_ns),
        });
    }

    /// Hands out those of this sample.
    pub fn each(&self, thread: impl FnMut(&Thread)) {
        self.now.iter().for_each(thread);
    }
}

#[cfg(test)]
mod tests {
    use super::Threads;
    use nodemon_recorder_ebpf::process::{ThreadRow, USAGE, Usage};

    fn row(tid: u32, used: u64) -> ThreadRow {
        ThreadRow { tid, pid: 1, usage: Usage([used; USAGE]), ended_cpu_ns: 0 }
    }

    fn all(threads: &Threads) -> Vec<(u32, u64)> {
        let mut all = Vec::new();
        threads.each(|thread| all.push((thread.tid, thread.usage.cpu_ns())));
        all
    }

    #[test]
    fn threads_that_stay_keep_what_they_used_while_others_come_and_go() {
        let mut threads = Threads::default();
        threads.begin();
        [row(2, 20), row(5, 50), row(9, 90)].iter().for_each(|row| threads.update(row));
        threads.begin();
        assert!(threads.stay(2));
        threads.update(&row(4, 40));
        assert!(threads.stay(9));
        assert_eq!(all(&threads), [(2, 20), (4, 40), (9, 90)]);
        threads.begin();
        assert!(threads.stay(4));
        assert!(!threads.stay(5), "it had ended");
    }
}
