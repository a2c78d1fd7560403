//! The rows of `bpf/process/rows.h`.

use std::io;

/// What this kernel does not have.
pub const ABSENT: u64 = u64::MAX;

/// How many numbers a process or a thread counts up.
pub const USAGE: usize = 16;

const HEAD_BYTES: usize = 8;
const USED_BYTES: usize = HEAD_BYTES + 8 * (USAGE + 1);
const THREAD_BYTES: usize = USED_BYTES + 8;
const PROCESS_BYTES: usize = USED_BYTES + 8 * 11 + 4 * 8 + COMMAND_BYTES;
const THREAD: u16 = 1;
const COMMAND_BYTES: usize = 16;

/// A row.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// The process of that number has not run since its last row, which still holds.
    SameProcess(u32),
    /// So does that of the thread of that number.
    SameThread(u32),
    /// A process.
    Process(ProcessRow<'a>),
    /// A thread that is not the first of its process.
    Thread(ThreadRow),
}

/// What only grows. What the kernel does not have is [`ABSENT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage(pub [u64; USAGE]);

macro_rules! usage {
    ($($place:literal $name:ident: $doc:literal,)*) => {
        impl Usage {
            $(#[doc = $doc]
            pub fn $name(&self) -> u64 {
                self.0[$place]
            })*
        }
    };
}

usage! {
    0 cpu_ns: "CPU time.",
    1 user_ns: "CPU time in user code, as counted by ticks.",
    2 system_ns: "CPU time in the kernel, as counted by ticks.",
    3 run_delay_ns: "Time ready to run without a CPU.",
    4 io_delay_ns: "Time of waiting for block I/O.",
    5 voluntary_switches: "Times that the CPU was given up.",
    6 involuntary_switches: "Times that the CPU was taken away.",
    7 minor_faults: "Page faults without I/O.",
    8 major_faults: "Page faults with I/O.",
    9 read_bytes: "Fetched from storage.",
    10 write_bytes: "To be written to storage.",
    11 cancelled_write_bytes: "Of that, what was cut off before it was written.",
    12 read_chars: "Bytes that read calls returned.",
    13 write_chars: "Bytes that were given to write calls.",
    14 read_calls: "Read calls.",
    15 write_calls: "Write calls.",
}

impl Usage {
    /// Adds what another thread used.
    pub fn add(&mut self, other: &Usage) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = if *sum == ABSENT || more == ABSENT { ABSENT } else { *sum + more };
        }
    }
}

/// A thread that is not the first of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadRow {
    /// Its number.
    pub tid: u32,
    /// Its process.
    pub pid: u32,
    /// What the thread used.
    pub usage: Usage,
    /// CPU time of the threads of this process that had ended when the row was written.
    pub ended_cpu_ns: u64,
}

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessRow<'a> {
    /// Its number.
    pub pid: u32,
    /// What its first thread used, and those that have ended.
    pub usage: Usage,
    /// CPU time of those that had ended when the row was written.
    pub ended_cpu_ns: u64,
    /// What `/proc` said last of its CPU time in user code.
    pub told_user_ns: u64,
    /// And in the kernel.
    pub told_system_ns: u64,
    /// When it started, `CLOCK_BOOTTIME` ns.
    pub start_ns: u64,
    /// Number of its control group of version 2.
    pub group: u64,
    /// Another number when it is in other groups, of whatever version.
    pub group_set: u64,
    /// Another number after an exec.
    pub image: u64,
    /// Address space.
    pub vsize_pages: u64,
    /// Memory of files; [`ABSENT`] when it has no memory of its own, as that of each kind.
    pub rss_file_pages: u64,
    /// Memory of no file.
    pub rss_anon_pages: u64,
    /// Memory that is shared.
    pub rss_shmem_pages: u64,
    /// Memory that is swapped out.
    pub swap_pages: u64,
    /// The parent.
    pub parent: u32,
    /// The user that it acts as.
    pub user: u32,
    /// State of its first thread: `R`, `S`, `D`, ... as in `/proc`.
    pub state: u8,
    /// A thread of the kernel.
    pub is_kernel_thread: bool,
    /// A thread of the kernel that works on what is queued, and is named by that in `/proc`.
    pub is_worker: bool,
    /// Threads.
    pub threads: u32,
    /// The CPU that its first thread ran on last.
    pub processor: u32,
    /// Priority, as in `/proc`.
    pub priority: i32,
    /// Nice value.
    pub nice: i32,
    /// Name of the program.
    pub command: &'a [u8],
}

/// Hands out the rows in `bytes`, and says how many bytes they were.
pub(super) fn rows_of(bytes: &[u8], row: &mut impl FnMut(Row<'_>)) -> io::Result<usize> {
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + HEAD_BYTES) {
        let (number, size, kind) = (u32_at(head, 0), u16_at(head, 4).into(), u16_at(head, 6));
        if !matches!(size, HEAD_BYTES | THREAD_BYTES | PROCESS_BYTES) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a row of an unknown kind"));
        }
        let Some(bytes) = bytes.get(at..at + size) else { break };
        row(match (size, kind) {
            (HEAD_BYTES, THREAD) => Row::SameThread(number),
            (HEAD_BYTES, _) => Row::SameProcess(number),
            (THREAD_BYTES, _) => Row::Thread(thread(number, bytes)),
            _ => Row::Process(process(number, bytes)),
        });
        at += size;
    }
    Ok(at)
}

fn thread(tid: u32, bytes: &[u8]) -> ThreadRow {
    let pid = u32_at(bytes, USED_BYTES);
    ThreadRow { tid, pid, usage: usage(bytes), ended_cpu_ns: ended_cpu_ns(bytes) }
}

fn ended_cpu_ns(bytes: &[u8]) -> u64 {
    u64_at(bytes, USED_BYTES - 8)
}

fn usage(bytes: &[u8]) -> Usage {
    Usage(std::array::from_fn(|place| u64_at(bytes, HEAD_BYTES + 8 * place)))
}

fn process(pid: u32, bytes: &[u8]) -> ProcessRow<'_> {
    let word = |place: usize| u64_at(bytes, USED_BYTES + 8 * place);
    let half = |place: usize| u32_at(bytes, USED_BYTES + 8 * 11 + 4 * place);
    let command = &bytes[PROCESS_BYTES - COMMAND_BYTES..];
    let end = command.iter().position(|&byte| byte == 0).unwrap_or(COMMAND_BYTES);
    ProcessRow {
        pid,
        usage: usage(bytes),
        ended_cpu_ns: ended_cpu_ns(bytes),
        told_user_ns: word(0),
        told_system_ns: word(1),
        start_ns: word(2),
        group: word(3),
        group_set: word(4),
        image: word(5),
        vsize_pages: word(6),
        rss_file_pages: word(7),
        rss_anon_pages: word(8),
        rss_shmem_pages: word(9),
        swap_pages: word(10),
        parent: half(0),
        user: half(1),
        state: letter(half(2)),
        is_kernel_thread: half(3) & PF_KTHREAD != 0,
        is_worker: half(3) & PF_WQ_WORKER != 0,
        threads: half(4),
        processor: half(5),
        priority: half(6).cast_signed() - MAX_RT_PRIO,
        nice: half(7).cast_signed() - DEFAULT_PRIO,
        command: &command[..end],
    }
}

// Of the kernel's include/linux/sched.h and sched/prio.h.
const PF_WQ_WORKER: u32 = 0x20;
const PF_KTHREAD: u32 = 0x0020_0000;
const MAX_RT_PRIO: i32 = 100;
const DEFAULT_PRIO: i32 = 120;
const TASK_UNINTERRUPTIBLE: u32 = 0x2;
const TASK_REPORT: u32 = 0x7f;
const TASK_IDLE: u32 = 0x402;
/// It waits for a lock that sleeps on kernels for real time, or is frozen: `D` in `/proc`.
const TASK_RTLOCK_WAIT_OR_FROZEN: u32 = 0x9000;

/// The letter of a state, as `task_state_index` and `task_state_array` of the kernel have it.
fn letter(state: u32) -> u8 {
    if state & TASK_IDLE == TASK_IDLE {
        return b'I';
    }
    let mut reported = state & TASK_REPORT;
    if state & TASK_RTLOCK_WAIT_OR_FROZEN != 0 {
        reported = TASK_UNINTERRUPTIBLE;
    }
    b"RSDTtXZP"[(u32::BITS - reported.leading_zeros()) as usize]
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_ne_bytes(*chunk))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes[at..].first_chunk().map_or(0, |chunk| u16::from_ne_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |chunk| u32::from_ne_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::letter;

    #[test]
    fn states_have_the_letters_that_proc_gives_them() {
        let states = [(0, b'R'), (1, b'S'), (2, b'D'), (4, b'T'), (8, b't'), (0x10, b'X')];
        let more = [(0x20, b'Z'), (0x40, b'P'), (0x402, b'I'), (0x8000, b'D'), (0x104, b'T')];
        for (state, expected) in states.into_iter().chain(more) {
            assert_eq!(char::from(letter(state)), char::from(expected), "{state:#x}");
        }
        assert_eq!(letter(0x20 | 0x80), b'Z', "the state of what has ended says that it is dead");
    }
}
