//! One process, as its last row has it.

use super::super::asker::{Answer, Asked, Asker, Inquiry, Question};
use super::super::io::Io;
use super::super::table::{Row, Units};
use super::super::title;
use super::texts::Texts;
use super::threads::Thread;
use super::times::Times;
use crate::redact::Redactor;
use crate::source::SourceError;
use nodemon_recorder_ebpf::process::{ABSENT, ProcessRow, Usage};

/// Servers that name their workers after the fork are asked for their command line again, so many
/// times and so far apart.
const RETITLES: u32 = 2;
const RETITLE_NS: u64 = 10_000_000_000;
/// The group of those that may be in one of version 1 is read this often in any case.
const REGROUP_NS: u64 = 60_000_000_000;
/// A name that is so long may be the beginning of a longer one.
const LONGEST_COMMAND: usize = 15;

/// A process.
pub struct Process {
    /// Its number.
    pub pid: u32,
    facts: Facts,
    /// Its name as in the row, and whole.
    short_command: Vec<u8>,
    command: Vec<u8>,
    title: Vec<u8>,
    cgroup: Vec<u8>,
    /// Of its first thread and those that ended.
    own: Usage,
    ended_cpu_ns: u64,
    /// Of all of them, at the sample of that number.
    sum: Usage,
    summed: u64,
    /// What a thread used may be in it twice.
    is_torn: bool,
    /// What was said last.
    told: Usage,
    is_told: bool,
    times: Times,
    command_due: bool,
    title_due: bool,
    /// Whether the title is that of the program that it runs now.
    title_known: bool,
    title_asked: Inquiry,
    group_due: bool,
    retitles: u32,
    retitle_at_ns: u64,
    regroup_at_ns: u64,
}

/// What is neither text nor counted up.
#[derive(Clone, Copy)]
struct Facts {
    start_ns: u64,
    group: u64,
    group_set: u64,
    image: u64,
    vsize_pages: u64,
    rss_file_pages: u64,
    rss_anon_pages: u64,
    rss_shmem_pages: u64,
    swap_pages: u64,
    parent: u32,
    user: u32,
    state: u8,
    is_kernel_thread: bool,
    is_worker: bool,
    threads: u32,
    processor: u32,
    priority: i32,
    nice: i32,
}

impl Facts {
    fn from_row(row: &ProcessRow<'_>) -> Facts {
        Facts {
            start_ns: row.start_ns,
            group: row.group,
            group_set: row.group_set,
            image: row.image,
            vsize_pages: row.vsize_pages,
            rss_file_pages: row.rss_file_pages,
            rss_anon_pages: row.rss_anon_pages,
            rss_shmem_pages: row.rss_shmem_pages,
            swap_pages: row.swap_pages,
            parent: row.parent,
            user: row.user,
            state: row.state,
            is_kernel_thread: row.is_kernel_thread,
            is_worker: row.is_worker,
            threads: row.threads,
            processor: row.processor,
            priority: row.priority,
            nice: row.nice,
        }
    }
}

impl Process {
    /// A process that is seen for the first time, at sample `pass`.
    pub fn new(row: &ProcessRow<'_>, pass: u64) -> Process {
        Process {
            pid: row.pid,
            facts: Facts::from_row(row),
            short_command: row.command.to_vec(),
            command: row.command.to_vec(),
            title: Vec::new(),
            cgroup: Vec::new(),
            own: row.usage,
            ended_cpu_ns: row.ended_cpu_ns,
            sum: row.usage,
            summed: pass,
            is_torn: false,
            told: row.usage,
            is_told: false,
            times: Times { user_ns: row.told_user_ns, system_ns: row.told_system_ns },
            command_due: row.is_kernel_thread,
            title_due: !row.is_kernel_thread,
            title_known: row.is_kernel_thread,
            title_asked: Inquiry::None,
            group_due: true,
            retitles: 0,
            retitle_at_ns: 0,
            regroup_at_ns: 0,
        }
    }

    /// Takes a row over.
    pub fn update(&mut self, row: &ProcessRow<'_>, pass: u64) {
        if row.start_ns != self.facts.start_ns {
            *self = Process::new(row, pass);
            return;
        }
        let is_renamed = self.short_command != row.command;
        if is_renamed {
            for command in [&mut self.short_command, &mut self.command] {
                command.clear();
                command.extend_from_slice(row.command);
            }
        }
        // Threads of the kernel are renamed by what they work on.
        let is_another_image = !row.is_kernel_thread && row.image != self.facts.image;
        self.title_known &= !is_another_image;
        self.title_due |= !row.is_kernel_thread && is_renamed || is_another_image;
        self.command_due |= row.is_kernel_thread && is_renamed;
        self.group_due |= (row.group, row.group_set) != (self.facts.group, self.facts.group_set);
        self.facts = Facts::from_row(row);
        self.own = row.usage;
        self.ended_cpu_ns = row.ended_cpu_ns;
        self.sum = row.usage;
        self.summed = pass;
        self.is_torn = false;
    }

    /// Its row holds.
    pub fn stay(&mut self) {
        self.is_torn = false;
    }

    /// Adds what one of its threads used.
    pub fn add(&mut self, thread: &Thread, pass: u64) {
        if self.summed != pass {
            self.summed = pass;
            self.sum = self.own;
        }
        self.sum.add(&thread.usage);
        // Some that ended after the process's row may be missing now. But what ended before that
        // row and after the thread's may be there twice.
        let differs = thread.ended_cpu_ns.is_some_and(|ended_ns| ended_ns != self.ended_cpu_ns);
        self.is_torn |= differs && thread.tid < self.pid;
    }

    /// Says what it used, if anything was added at sample `pass`.
    pub fn sum_up(&mut self, pass: u64) {
        if self.summed != pass || self.is_torn && self.is_told {
            return;
        }
        for (told, now) in self.told.0.iter_mut().zip(self.sum.0) {
            *told = if *told == ABSENT { now } else { now.max(*told) };
        }
        self.is_told = true;
        self.times.follow(self.told.cpu_ns(), self.told.user_ns(), self.told.system_ns());
    }

    /// Reads the texts that may have changed, but for the command line, which is asked for.
    ///
    /// # Errors
    /// When the recorder has run out of something.
    pub fn read_texts(&mut self, now_ns: u64, texts: &mut Texts) -> Result<(), SourceError> {
        let (pid, facts) = (self.pid, self.facts);
        if self.command_due {
            self.command_due = false;
            if self.command.len() >= LONGEST_COMMAND && !facts.is_worker {
                texts.command(pid, &mut self.command)?;
            }
        }
        if !facts.is_kernel_thread && self.retitles <= RETITLES && now_ns >= self.retitle_at_ns {
            self.retitles += 1;
            self.retitle_at_ns = now_ns + self.spread_ns(RETITLE_NS, self.retitle_at_ns);
            self.title_due = true;
        }
        if self.title_due && !self.title_asked.is_out() {
            self.title_due = false;
            self.title_asked = texts.title(pid, facts.start_ns)?;
        }
        if self.group_due || now_ns >= self.regroup_at_ns {
            self.group_due = false;
            self.regroup_at_ns = now_ns + self.spread_ns(REGROUP_NS, self.regroup_at_ns);
            texts.group(pid, facts.group, &mut self.cgroup)?;
        }
        Ok(())
    }

    /// Takes what came of a question, unless that was about another process.
    pub fn take(&mut self, question: &Question, redactor: &mut Redactor) {
        if question.start != self.facts.start_ns {
            return;
        }
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

    /// Has what has not come back told of.
    pub fn report_hangs(&mut self, asker: &mut Asker) {
        if self.title_asked.is_out() {
            asker.hangs(&mut self.title_asked, Asked::Title, self.pid, &self.command);
        }
    }

    /// Time until it is read again: the first time shorter for some than for others, so that they
    /// do not all come at once.
    fn spread_ns(&self, every_ns: u64, last_ns: u64) -> u64 {
        match last_ns {
            0 => every_ns - every_ns / 16 * u64::from(self.pid % 16),
            _ => every_ns,
        }
    }

    /// What is known of it, as a row.
    pub fn row(&self, units: Units) -> Row<'_> {
        let Process { facts, told, times, .. } = self;
        let pages = |count: u64| count.wrapping_mul(units.page_bytes);
        let opt_pages = |count: u64| some(count).map(pages);
        let in_ticks = |time_ns: u64| time_ns - time_ns % units.tick_ns;
        let resident = [facts.rss_file_pages, facts.rss_anon_pages, facts.rss_shmem_pages];
        Row {
            pid: self.pid,
            start_ns: in_ticks(facts.start_ns),
            command: &self.command,
            title: self.title_known.then_some(&self.title),
            state: facts.state,
            ppid: facts.parent.into(),
            uid: Some(facts.user.into()),
            cgroup: &self.cgroup,
            cpu_ns: Some(told.cpu_ns()),
            user_ns: in_ticks(times.user_ns),
            system_ns: in_ticks(times.system_ns),
            run_delay_ns: some(told.run_delay_ns()),
            io_delay_ns: some(told.io_delay_ns()),
            voluntary_switches: Some(told.voluntary_switches()),
            involuntary_switches: Some(told.involuntary_switches()),
            minor_faults: told.minor_faults(),
            major_faults: told.major_faults(),
            threads: facts.threads.into(),
            priority: facts.priority.into(),
            nice: facts.nice.into(),
            processor: facts.processor.into(),
            vsize_bytes: pages(facts.vsize_pages),
            rss_bytes: pages(resident.into_iter().filter_map(some).sum()),
            rss_anon_bytes: opt_pages(facts.rss_anon_pages),
            rss_file_bytes: opt_pages(facts.rss_file_pages),
            rss_shmem_bytes: opt_pages(facts.rss_shmem_pages),
            swap_bytes: opt_pages(facts.swap_pages),
            io: Io {
                read_chars: some(told.read_chars()),
                write_chars: some(told.write_chars()),
                read_calls: some(told.read_calls()),
                write_calls: some(told.write_calls()),
                read_bytes: some(told.read_bytes()),
                write_bytes: some(told.write_bytes()),
                cancelled_write_bytes: some(told.cancelled_write_bytes()),
            },
        }
    }
}

/// What the kernel has.
fn some(value: u64) -> Option<u64> {
    (value != ABSENT).then_some(value)
}
