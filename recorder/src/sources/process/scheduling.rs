//! How a process was scheduled: what it waited for, how often it was switched.

use super::files::{Missing, ProcessPath, Reader, readable};
use super::stat::Stat;
use super::status::Status;
use super::taskstats::{self, Taskstats};
use crate::kernel_files::text::Fields;
use rustix::io::Errno;
use std::path::Path;

/// Where to ask.
#[derive(Debug)]
pub struct Scheduler {
    taskstats: Result<Taskstats, Errno>,
    io_delays: bool,
}

/// A counter that is made of the counters of threads, some of which end. A kernel may take away
/// what an ended thread had counted, which would look like a reset: only growth is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growing {
    last: u64,
    total: u64,
}

impl Growing {
    fn follow(&mut self, now: u64) -> u64 {
        self.total += now.saturating_sub(self.last);
        self.last = now;
        self.total
    }
}

/// What is known of one process. `None` where only the first thread of several can be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// Time that threads were ready to run and waited for a CPU.
    pub run_delay_ns: Option<u64>,
    /// Time that threads waited for block I/O.
    pub io_delay_ns: Option<u64>,
    /// Times that threads gave their CPU up.
    pub voluntary_switches: Option<u64>,
    /// Times that the CPU was taken from threads.
    pub involuntary_switches: Option<u64>,
    growing: [Growing; 4],
}

impl Scheduler {
    /// Asks taskstats if it may; `same_namespace` says whether pids are those of this pid namespace.
    pub fn open(proc: &Path, same_namespace: bool) -> Scheduler {
        let taskstats = if same_namespace { Taskstats::open() } else { Err(Errno::NOENT) };
        // Kernels before 5.14 have no such switch and always account for delays.
        let switch = std::fs::read(proc.join("sys/kernel/task_delayacct"));
        let io_delays = switch.map_or(true, |text| text.trim_ascii() != b"0");
        Scheduler { taskstats, io_delays }
    }

    /// Why processes of several threads have gaps, if they do.
    pub fn limit(&self) -> Option<String> {
        let error = self.taskstats.as_ref().err()?;
        let why = match *error {
            Errno::PERM => "needs CAP_NET_ADMIN: run it as root, or grant that".to_owned(),
            Errno::NOENT => "is not in this kernel, or this is a container".to_owned(),
            Errno::PROTO => "of this kernel cannot be understood".to_owned(),
            other => format!("could not be asked: {other}"),
        };
        Some(format!(
            "run delay and context switches of processes with several threads are absent: \
             taskstats, which sums them up, {why}"
        ))
    }

    /// Whether context switches come from `status`, because taskstats does not answer.
    pub fn needs_status(&self) -> bool {
        self.taskstats.is_err()
    }

    fn ask(&mut self, pid: u32) -> Result<Option<taskstats::Scheduling>, Missing> {
        let Ok(taskstats) = &mut self.taskstats else { return Ok(None) };
        match taskstats.ask(pid) {
            Ok(stats) => Ok(Some(stats)),
            Err(Errno::SRCH) => Err(Missing::Gone),
            Err(error @ (Errno::PERM | Errno::NOENT | Errno::PROTO)) => {
                self.taskstats = Err(error);
                Ok(None)
            }
            Err(_) => Ok(None),
        }
    }
}

impl Scheduling {
    /// Reads what is new. `stat` and `status` are those of the same moment.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn update(
        &mut self,
        pid: u32,
        path: &mut ProcessPath,
        stat: &Stat,
        status: &Status,
        (reader, scheduler): (&mut Reader, &mut Scheduler),
    ) -> Result<(), Missing> {
        if matches!(stat.state, b'Z' | b'X') {
            // What a process leaves behind is no longer in taskstats: keep what was known.
            return Ok(());
        }
        if let Some(stats) = scheduler.ask(pid)? {
            let [run, io, voluntary, involuntary] = &mut self.growing;
            self.run_delay_ns = Some(run.follow(stats.run_delay_ns));
            let io_delay_ns = io.follow(stats.io_delay_ns);
            self.io_delay_ns = scheduler.io_delays.then_some(io_delay_ns);
            self.voluntary_switches = Some(voluntary.follow(stats.voluntary_switches));
            self.involuntary_switches = Some(involuntary.follow(stats.involuntary_switches));
            return Ok(());
        }
        let alone = stat.threads <= 1;
        self.voluntary_switches = status.voluntary_switches.filter(|_| alone);
        self.involuntary_switches = status.involuntary_switches.filter(|_| alone);
        self.run_delay_ns = None;
        self.io_delay_ns = None;
        if alone && let Some(text) = readable(reader.read_once(path, "schedstat"))? {
            let mut fields = Fields::new(text.trim_ascii_end());
            fields.skip(1);
            self.run_delay_ns = fields.u64();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Growing;

    #[test]
    fn a_counter_that_loses_a_thread_goes_on_from_where_it_was() {
        let mut counter = Growing::default();
        let told = [1_000, 1_010, 400, 405, 405].map(|now| counter.follow(now));
        assert_eq!(told, [1_000, 1_010, 1_010, 1_015, 1_015]);
    }
}
