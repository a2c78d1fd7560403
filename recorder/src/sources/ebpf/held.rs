//! Events that are told only when what they are about is still there after a while.

use super::rows::RowEncoder;
use crate::kernel_files::process_stat::ProcessIdentity;
use nodemon_formats::clock::boottime_ns;
use nodemon_recorder_ebpf::drain::{Live, Row};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// So much of them may wait, and so many bytes; what is beyond is counted.
const MOST: usize = 16384;
const MOST_BYTES: usize = 8 << 20;

/// An event, and its stack as a cell.
struct Waiting {
    time_ns: u64,
    address: u64,
    row: Box<[u8]>,
    stack: Box<[u8]>,
}

impl Waiting {
    fn bytes(&self) -> usize {
        size_of::<Waiting>() + self.row.len() + self.stack.len()
    }
}

/// Those that wait until they are old enough.
pub struct Held {
    live: Live,
    min_age_ns: u64,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    dropped: u64,
    proc: PathBuf,
    pid: u32,
    process: Option<ProcessIdentity>,
}

impl Held {
    /// Nothing waits yet. What is told is of the process `pid`.
    pub fn new(live: Live, min_age_ns: u64, proc: &Path, pid: u32) -> Held {
        Held {
            live,
            min_age_ns,
            waiting: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            proc: proc.to_owned(),
            pid,
            process: ProcessIdentity::read(proc, pid),
        }
    }

    /// Takes an event. Its stack is looked up now: the program may be another one later.
    pub fn take(&mut self, row: &Row<'_>, encoder: &mut RowEncoder<'_>) {
        let Some(parts) = encoder.parts_of(row) else { return };
        // As the kernel has it: that of the row may have been put behind those before it.
        let time_ns =
            row.keys.first_chunk().map_or(row.time_ns, |bytes| u64::from_ne_bytes(*bytes));
        let waiting = Waiting {
            time_ns,
            address: parts.address,
            row: parts.row.into(),
            stack: parts.stack.into(),
        };
        let bytes = waiting.bytes();
        if self.waiting.len() >= MOST || self.bytes + bytes > MOST_BYTES {
            self.live.take(waiting.address, waiting.time_ns);
            self.dropped += 1;
            return;
        }
        self.bytes += bytes;
        self.waiting.push_back(waiting);
    }

    /// Puts those into a record that are old enough, and are about what is there. With a program
    /// that ended went all that it had.
    pub fn tell(&mut self, encoder: &mut RowEncoder<'_>) {
        let process = ProcessIdentity::read(&self.proc, self.pid);
        let is_another = process != self.process;
        self.process = process;
        let now_ns = boottime_ns();
        while let Some(first) = self.waiting.front() {
            let age_ns = now_ns.saturating_sub(first.time_ns);
            if !is_another && age_ns < self.min_age_ns {
                break;
            }
            let Some(first) = self.waiting.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(first.bytes());
            let is_there = self.live.take(first.address, first.time_ns);
            if is_there && !is_another {
                encoder.told(now_ns, &first.row, &first.stack, age_ns);
            }
        }
        if self.waiting.is_empty() {
            self.waiting.shrink_to_fit();
        }
    }

    /// How many found no room since this was asked before.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}
