//! One process and what was read of it last.

use super::asker::{Answer, Asked, Asker, Inquiry, Question};
use super::cpu_clock;
use super::files::{KeptFiles, Missing, ProcessPath, Reader, readable};
use super::io::{self, Io};
use super::scheduling::{Scheduler, Scheduling};
use super::stat::{self, Stat};
use super::status::{self, Status};
use super::table::{Row, Units};
use super::{membership, title};
use crate::redact::Redactor;
use crate::source::SourceError;
use std::path::PathBuf;

/// What changes without the process running (see the source's own words) is read this often.
const REFRESH_NS: u64 = 10_000_000_000;
/// The control group of a process that sleeps is read at one refresh of so many.
const REGROUP_REFRESHES: u32 = 6;
/// Its files are closed when it has not run for this long.
const CLOSE_AFTER_NS: u64 = 60_000_000_000;

/// What processes are read with.
pub struct Tools {
    /// Their files.
    pub reader: Reader,
    /// Those files that may hang.
    pub asker: Asker,
    /// What of their command lines is shown.
    pub redactor: Redactor,
    /// Their scheduling.
    pub scheduler: Scheduler,
    /// Whether their pids are those of this pid namespace, so that their clocks can be read.
    pub clocks: bool,
}

/// A process.
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// CPU time, exact, where the clocks can be read.
    pub cpu_ns: Option<u64>,
    /// Its name, as the kernel has it.
    pub command: Vec<u8>,
    /// Its command line.
    pub title: Vec<u8>,
    /// Its control group.
    pub cgroup: Vec<u8>,
    /// From `stat`.
    pub stat: Stat,
    /// From `status`.
    pub status: Status,
    /// From `io`, if it could be read.
    pub io: Io,
    /// From taskstats or `schedstat`.
    pub scheduling: Scheduling,
    /// Whether it was gone when it was read last.
    pub is_gone: bool,
    path: ProcessPath,
    files: KeptFiles,
    known: bool,
    title_due: bool,
    /// Whether the title is that of the program that it runs now.
    title_known: bool,
    title_asked: Inquiry,
    io_asked: Inquiry,
    /// What the last read of `stat` said: another program than before, and other memory.
    image_changed: bool,
    memory_changed: bool,
    refreshes: u32,
    refresh_at_ns: u64,
    ran_ns: u64,
}

/// What of a process is to be read.
#[derive(Clone, Copy)]
struct Due {
    /// It is new.
    new: bool,
    /// It ran since it was read last, or that cannot be known.
    ran: bool,
    /// What changes by itself is due.
    refresh: bool,
    /// Its files are worth keeping open: it was seen before, and it does something.
    keep: bool,
}

impl Process {
    /// A process of which nothing was read yet.
    pub fn new(pid: u32) -> Process {
        Process {
            pid,
            cpu_ns: None,
            command: Vec::new(),
            title: Vec::new(),
            cgroup: Vec::new(),
            stat: Stat::default(),
            status: Status::default(),
            io: Io::default(),
            scheduling: Scheduling::default(),
            is_gone: false,
            path: ProcessPath::new(pid),
            files: KeptFiles::default(),
            known: false,
            title_due: false,
            title_known: false,
            title_asked: Inquiry::None,
            io_asked: Inquiry::None,
            image_changed: false,
            memory_changed: false,
            refreshes: 0,
            refresh_at_ns: 0,
            ran_ns: 0,
        }
    }

    /// Reads what may have changed. `false` when there is no process of that pid any more.
    ///
    /// # Errors
    /// When the recorder has run out of something, or `stat` cannot be understood.
    pub fn update(&mut self, now_ns: u64, tools: &mut Tools) -> Result<bool, SourceError> {
        loop {
            match self.try_update(now_ns, tools) {
                Ok(()) => return Ok(true),
                Err(Missing::Failed(error)) => return Err(error),
                // Another process may have its pid by now.
                Err(Missing::Gone) if self.known => {
                    self.close(tools);
                    *self = Process::new(self.pid);
                }
                Err(Missing::Gone | Missing::Unreadable) => return Ok(false),
            }
        }
    }

    /// What is known of it, as a row.
    pub fn row(&self, units: Units) -> Row<'_> {
        let Process { stat, status, scheduling, .. } = self;
        let in_pages = stat.rss_pages.wrapping_mul(units.page_bytes);
        Row {
            pid: self.pid,
            start_ns: stat.start_ticks.wrapping_mul(units.tick_ns),
            command: &self.command,
            title: (self.title_known || stat.kernel_thread).then_some(&self.title),
            state: stat.state,
            ppid: stat.ppid,
            uid: status.uid,
            cgroup: &self.cgroup,
            cpu_ns: self.cpu_ns,
            user_ns: stat.user_ticks.wrapping_mul(units.tick_ns),
            system_ns: stat.system_ticks.wrapping_mul(units.tick_ns),
            run_delay_ns: scheduling.run_delay_ns,
            io_delay_ns: scheduling.io_delay_ns,
            voluntary_switches: scheduling.voluntary_switches,
            involuntary_switches: scheduling.involuntary_switches,
            minor_faults: stat.minor_faults,
            major_faults: stat.major_faults,
            threads: stat.threads,
            priority: stat.priority,
            nice: stat.nice,
            processor: stat.processor,
            vsize_bytes: stat.vsize_bytes,
            rss_bytes: status.rss_bytes.unwrap_or(in_pages),
            rss_anon_bytes: status.rss_anon_bytes,
            rss_file_bytes: status.rss_file_bytes,
            rss_shmem_bytes: status.rss_shmem_bytes,
            swap_bytes: status.swap_bytes,
            io: self.io,
        }
    }

    /// Takes what came of a question, unless that was about another process.
    pub fn take(&mut self, question: &Question, redactor: &mut Redactor) {
        if question.start != self.stat.start_ticks {
            return;
        }
        match question.asked {
            Asked::Title => {
                self.title_asked.end(question, &self.command);
                match question.answer() {
                    Answer::Text(text) => {
                        title::write(redactor.redacted(text), &mut self.title);
                        self.title_known = true;
                    }
                    Answer::Unreadable => {}
                    Answer::NotAsked => self.title_due = true,
                }
            }
            Asked::Io => {
                self.io_asked.end(question, &self.command);
                self.io = match question.answer() {
                    Answer::Text(text) => io::parse(text),
                    Answer::Unreadable | Answer::NotAsked => Io::default(),
                };
            }
        }
    }

    /// Has what has not come back told of.
    pub fn report_hangs(&mut self, asker: &mut Asker) {
        if self.title_asked.is_out() {
            asker.hangs(&mut self.title_asked, Asked::Title, self.pid, &self.command);
        }
        if self.io_asked.is_out() {
            asker.hangs(&mut self.io_asked, Asked::Io, self.pid, &self.command);
            self.io = Io::default();
        }
    }

    /// Closes its files.
    pub fn close(&mut self, tools: &mut Tools) {
        tools.reader.release(&mut self.files);
    }

    fn try_update(&mut self, now_ns: u64, tools: &mut Tools) -> Result<(), Missing> {
        // The clock comes first: if the process runs while the rest is read, the clock differs
        // next time and the rest is read again.
        let cpu_ns = if tools.clocks {
            Some(cpu_clock::cpu_ns(self.pid).ok_or(Missing::Gone)?)
        } else {
            None
        };
        let new = !self.known;
        // A running one may be on a CPU that has stopped its tick, where its clock stands still.
        let running = self.stat.state == b'R';
        let waits = self.io_asked == Inquiry::Waits;
        let ran = new || running || waits || cpu_ns.is_none() || cpu_ns != self.cpu_ns;
        let awake = self.is_awake();
        let refresh = now_ns >= self.refresh_at_ns;
        let due = Due { new, ran, refresh, keep: !new && (ran || awake) };
        if ran || refresh || awake || self.title_due {
            self.read_stat(tools, due)?;
            self.cpu_ns = cpu_ns;
            self.read_rest(tools, due, now_ns)?;
        }
        if refresh {
            // Refreshes are spread over time by pid.
            let spread_ns = if new { REFRESH_NS / 10 * u64::from(self.pid % 10) } else { 0 };
            self.refresh_at_ns = now_ns + REFRESH_NS - spread_ns;
            self.refreshes = self.refreshes.wrapping_add(1);
        }
        if ran {
            self.ran_ns = now_ns;
        } else if now_ns >= self.ran_ns.saturating_add(CLOSE_AFTER_NS) {
            self.close(tools);
        }
        self.known = true;
        Ok(())
    }

    /// Whether it is running or about to, so that its state may change at any time.
    fn is_awake(&self) -> bool {
        !matches!(self.stat.state, b'S' | b'I' | b'T' | b't' | b'Z' | b'X')
    }

    fn read_stat(&mut self, tools: &mut Tools, due: Due) -> Result<(), Missing> {
        let kept = &mut self.files.stat;
        let text = tools.reader.read_kept(&mut self.path, "stat", kept, due.keep)?;
        let Some((command, stat)) = stat::parse(text) else {
            let path = PathBuf::from(format!("/proc/{}/stat", self.pid));
            let what = format!("not a line of numbers: {}", String::from_utf8_lossy(text));
            return Err(Missing::Failed(SourceError::parse(&path, what)));
        };
        if self.known && stat.start_ticks != self.stat.start_ticks {
            return Err(Missing::Gone);
        }
        // Threads of the kernel are renamed by what they work on.
        self.image_changed = !stat.kernel_thread
            && (command != self.command || stat.arguments_at != self.stat.arguments_at);
        self.memory_changed = stat.rss_pages != self.stat.rss_pages;
        self.command.clear();
        self.command.extend_from_slice(command);
        self.stat = stat;
        Ok(())
    }

    fn read_rest(&mut self, tools: &mut Tools, due: Due, now_ns: u64) -> Result<(), Missing> {
        let Process { path, files, stat, .. } = self;
        // Threads of the kernel have no memory of their own and never change their owner; of theirs
        // it tells the context switches, where nothing else does.
        let tells = !stat.kernel_thread || tools.scheduler.needs_status();
        if due.new || (due.ran || self.memory_changed) && tells {
            let text = tools.reader.read_kept(path, "status", &mut files.status, due.keep);
            self.status = readable(text)?.map(status::parse).unwrap_or_default();
        }
        if due.ran {
            if !self.io_asked.is_out() {
                let of = (self.pid, stat.start_ticks);
                let Tools { reader, asker, .. } = tools;
                match asker.io(reader, path, of, &mut files.io, due.keep) {
                    Ok(asked) => self.io_asked = asked,
                    Err(Missing::Unreadable) => self.io = Io::default(),
                    Err(other) => return Err(other),
                }
            }
            let by = (&mut tools.reader, &mut tools.scheduler);
            self.scheduling.update(self.pid, path, stat, &self.status, by)?;
        }
        let ran_lately = due.ran || now_ns < self.ran_ns.saturating_add(REFRESH_NS);
        let regroup = ran_lately || self.refreshes.is_multiple_of(REGROUP_REFRESHES);
        if (self.image_changed || due.refresh && regroup)
            && let Some(text) = readable(tools.reader.read_once(path, "cgroup"))?
        {
            self.cgroup.clear();
            self.cgroup.extend_from_slice(membership::parse(text));
        }
        // At the first two refreshes, for the servers that name their workers after the fork.
        self.title_due |= self.image_changed || due.refresh && self.refreshes < 2;
        self.title_known &= !self.image_changed;
        if self.title_due && !self.title_asked.is_out() {
            self.title_due = false;
            if !stat.kernel_thread && tools.redactor.shows_any() {
                let of = (self.pid, stat.start_ticks);
                let asked = tools.asker.title(&tools.reader, path, of);
                self.title_asked = asked.map_err(Missing::Failed)?;
            }
        }
        Ok(())
    }
}
