//! Fed from `/proc`.
//!
//! # What is read when
//!
//! Reading everything of a process costs 14 to 20 µs once a second, and most processes sleep. So
//! the first thing that is read is the process's CPU-time clock ([`cpu_clock`]): 1 µs, and exact
//! for all threads together, those that ended included. A clock that has not moved since the last
//! sample proves that no thread ran in between, and what only a running thread can change has not
//! changed: CPU times, faults, I/O (all counted in the context of the caller, and the workers of
//! io_uring are threads of the process), context switches, threads, user, program.
//!
//! Two things are not proved by it, and so read in any case:
//!
//! - A thread that is on a CPU right now is counted up to its last tick (4 ms at 250 Hz, a second
//!   where the tick is stopped). A process that was last seen running or ready (`R`), or waiting
//!   for I/O (`D`), is therefore read at every sample. One that woke a moment ago and has not seen
//!   a tick yet is seen at the next sample.
//! - Others can change it: reclaim takes pages away, someone renices it, and it may be ready to
//!   run without getting a CPU. So `stat` of every process is read every 10 s, spread over time,
//!   and `status` when the memory in it has changed. Someone can move it to another control group:
//!   `cgroup` is read every 10 s of a process that runs, every minute of one that sleeps.
//!
//! The time in `stat` would not do as the proof: it is the exact time cut to ticks of 10 ms. Nor
//! would `schedstat`, which is that of the first thread alone.
//!
//! The clocks are numbered by the pids of the recorder's own pid namespace. Where procfs is that
//! of another one, everything is read at every sample.
//!
//! # What it costs
//!
//! Of one core, once a second, wake-up and archive included, on two CPUs that compilers kept busy:
//! 83 processes 0.06 %; 196, of which 10 wake ten times a second, 0.11 %; 1,092 with the same 10
//! 0.32 %. Back to back it is 0.9 µs a process. The first sample reads everything of every process
//! and takes 25 to 70 µs for each.
//!
//! In a soak under the same load, 30,000 rows of processes whose clock stood still were compared
//! with what a fresh source read at the same time. Rows of one thread never differed in what only
//! a process itself can change; a few of processes with threads did, whose threads were running
//! just then.

use super::asker::{Asker, TOGETHER};
use super::files::Reader;
use super::pids::Pids;
use super::scheduling::Scheduler;
use super::table::{self, Units};
use super::tracked::{Process, Tools};
use super::{MAX_PROCESSES, is_our_pid_namespace};
use crate::redact::Redactor;
use crate::source::{Context, Feeding, Sink, Source, SourceError};
use nodemon_formats::Schema;
use std::time::Duration;

/// What `/proc` has of every process.
pub struct Polled {
    tools: Tools,
    pids: Pids,
    /// Those that were there at the last sample, by pid.
    tracked: Vec<Process>,
    units: Units,
    sees_init: bool,
    /// Processes whose I/O could not be read, at the last sample.
    unreadable: usize,
    interval: Duration,
    tables: Vec<Schema>,
    notes: Vec<String>,
}

impl Polled {
    /// Opens `/proc`. `why_not` says why it is not fed by something better; without it `/proc` is
    /// what was asked for.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn open(context: &Context, why_not: Vec<String>) -> Result<Polled, SourceError> {
        let same_namespace = is_our_pid_namespace(&context.proc);
        let tools = Tools {
            reader: Reader::open(&context.proc)?,
            asker: Asker::new(context.asked.interval),
            redactor: Redactor::new(&context.asked.arguments),
            scheduler: Scheduler::open(&context.proc, same_namespace),
            clocks: same_namespace,
        };
        Ok(Polled {
            pids: Pids::open(&context.proc, MAX_PROCESSES, same_namespace)?,
            tools,
            tracked: Vec::new(),
            units: Units::here(),
            sees_init: context.proc.join("1/stat").exists(),
            unreadable: 0,
            interval: context.asked.interval,
            tables: table::tables(table::PROC, context.asked.interval_ns(), &why_not),
            notes: why_not,
        })
    }

    /// Takes up the processes that are new. Those that are gone are noticed when they are read.
    fn notice(&mut self, now_ns: u64) -> Result<(), SourceError> {
        let Polled { pids, tools, tracked, .. } = self;
        let pids = pids.poll(now_ns)?;
        let Some(&first) = pids.first() else { return Ok(()) };
        let mut at = tracked.partition_point(|process| process.pid < first);
        for &pid in pids {
            while tracked.get(at).is_some_and(|process| process.pid < pid) {
                at += 1;
            }
            if tracked.get(at).is_none_or(|process| process.pid != pid) {
                tracked.insert(at, Process::new(pid));
            }
            at += 1;
        }
        while tracked.len() > MAX_PROCESSES
            && let Some(mut last) = tracked.pop()
        {
            last.close(tools);
        }
        Ok(())
    }

    /// Reads what may have changed of every process, and forgets those that are gone.
    fn update(&mut self, time_ns: u64) -> Result<(), SourceError> {
        let Polled { tools, tracked, unreadable, .. } = self;
        let mut from = 0;
        let mut failure = None;
        while from < tracked.len() {
            let to = tracked.len().min(from + TOGETHER);
            for process in &mut tracked[from..to] {
                match process.update(time_ns, tools) {
                    Ok(is_there) => process.is_gone = !is_there,
                    Err(error) => failure = Some(error),
                }
            }
            let Tools { asker, redactor, .. } = &mut *tools;
            asker.exchange(|question| {
                let at = tracked.binary_search_by_key(&question.pid, |process| process.pid);
                if let Some(process) = at.ok().and_then(|at| tracked.get_mut(at)) {
                    process.take(question, redactor);
                }
            });
            from = to;
        }
        tracked.retain_mut(|process| {
            if process.is_gone {
                process.close(tools);
            }
            !process.is_gone
        });
        *unreadable = tracked.iter().filter(|process| process.io.read_calls.is_none()).count();
        failure.map_or(Ok(()), Err)
    }
}

impl Source for Polled {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let time_ns = sink.time_ns();
        self.tools.asker.begin(time_ns);
        self.notice(time_ns)?;
        let time_ns = sink.time_ns();
        self.update(time_ns)?;
        let Polled { tools, tracked, units, .. } = self;
        let table = sink.table(0);
        table.begin_sample(time_ns);
        for process in tracked {
            process.report_hangs(&mut tools.asker);
            table::push(table, &process.row(*units));
        }
        table.end_sample();
        tools.asker.end(time_ns, sink);
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        let mut limits = self.notes.clone();
        if !self.sees_init {
            limits.push(
                "processes of other users are hidden: procfs is mounted with hidepid; run it as \
                 root, or in the group of its option gid"
                    .to_owned(),
            );
        }
        if self.unreadable > 0 {
            limits.push(format!(
                "I/O of {} processes is absent: reading it takes CAP_SYS_PTRACE, as root has, or \
                 being their owner",
                self.unreadable
            ));
        }
        if !self.tools.clocks {
            limits.push(
                "exact CPU time (cpu_ns) is absent and every process is read at every sample: \
                 procfs is that of another pid namespace; run the recorder in it"
                    .to_owned(),
            );
        }
        limits.extend(self.tools.scheduler.limit());
        limits.extend(self.tools.asker.limits());
        if self.pids.left_out() > 0 {
            limits.push(super::left_out(self.pids.left_out()));
        }
        limits
    }

    fn feeding(&self) -> Option<Feeding> {
        Some(Feeding { tables: self.tables.clone(), every: self.interval, drains: false })
    }
}
