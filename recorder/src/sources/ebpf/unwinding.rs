//! Stacks of user space, as long as that takes no more than its share of the time: programs of others
//! say how much there is to read, and how often something new.

use crate::stacks::{Stacks, UserSample};
use nodemon_formats::stack::{Frame, SKIPPED, put_frame};
use nodemon_recorder_ebpf::allowance::Allowance;
use nodemon_recorder_ebpf::stack::UserStack;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// Of the time that passes one part in so many: 2 % of a CPU. A sample takes 6 to 9 µs of it, one of a
/// process that is new 200.
const SHARE: u32 = 50;
/// The part of one process, so that one that is made to take long leaves something for the others:
/// 0.5 %, and what is read when it is new.
const SHARE_OF_ONE: u32 = 200;
const FIRST: Duration = Duration::from_millis(100);
/// So many processes have a part of their own. Then all begin anew.
const MOST_PROCESSES: usize = 1024;

/// Finds who called whom.
pub struct Unwinding {
    stacks: Stacks,
    allowance: Allowance,
    of_processes: HashMap<u32, Allowance>,
}

impl Unwinding {
    /// `proc` is where proc(5) is mounted.
    pub fn new(proc: &Path) -> Unwinding {
        let (stacks, allowance) = (Stacks::new(proc), Allowance::new(SHARE));
        Unwinding { stacks, allowance, of_processes: HashMap::new() }
    }

    /// Appends the calls of a thread in user space to a cell, or a frame that says that there was no
    /// time for them.
    pub fn put(&mut self, user: &UserStack<'_>, cell: &mut Vec<u8>) {
        if self.of_processes.len() >= MOST_PROCESSES && !self.of_processes.contains_key(&user.pid) {
            self.of_processes = HashMap::new();
        }
        let of_process = self.of_processes.entry(user.pid);
        let of_process =
            of_process.or_insert_with(|| Allowance::new(SHARE_OF_ONE).with_at_most(FIRST));
        let (Some(begun), Some(begun_one)) = (self.allowance.begin(), of_process.begin()) else {
            return put_frame(cell, &Frame { function: SKIPPED.as_bytes(), ..Frame::default() });
        };
        let below = usize::try_from(user.sp - user.memory_start).unwrap_or(usize::MAX);
        let stack = user.memory.get(below..).unwrap_or_default();
        let UserStack { pid, start_ns, ip, sp, fp, lr, .. } = *user;
        self.stacks.put_user_frames(&UserSample { pid, start_ns, ip, sp, fp, lr, stack }, cell);
        let of_helpers = self.stacks.take_cpu_time_of_helpers();
        self.allowance.end(begun, of_helpers);
        of_process.end(begun_one, of_helpers);
    }

    /// A batch of samples is complete.
    pub fn settle(&mut self) {
        self.stacks.settle();
    }
}
