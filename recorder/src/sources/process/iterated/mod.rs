//! Fed by an iterator in the kernel, which hands out every thread in one go.
//!
//! Of what has not run since the last sample the kernel says only that it is still there. What
//! threads used is added up here, so what each of them used last is kept. The texts, command line
//! and path of the control group, are read from `/proc` when a process is new or has changed.
//!
//! A thread that ends while the table is read may be seen among those that ended, as one that
//! lives, as neither, or, where its number is below that of its process, as both. In the last case
//! the counters of the process stay as they were for one sample; and none ever goes back.

mod process;
mod texts;
mod threads;
mod times;

use super::asker::TOGETHER;
use super::table::{self, Units};
use super::{MAX_PROCESSES, is_our_pid_namespace};
use crate::programs::Registered;
use crate::source::{Context, Feeding, Sink, Source, SourceError};
use nodemon_formats::Schema;
use nodemon_recorder_ebpf::process::{ProcessTable, Row};
use process::Process;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use texts::Texts;
use threads::Threads;

/// What changes without the process running is read this often.
const REFRESH: Duration = Duration::from_secs(10);
/// What the namespace that the host numbers its processes in is called.
const HOST_PIDS: &str = "pid:[4026531836]";

/// The kernel's table of processes.
pub struct Iterated {
    table: ProcessTable,
    processes: Processes,
    texts: Texts,
    units: Units,
    sees_init: bool,
    interval: Duration,
    tables: Vec<Schema>,
    _registered: Registered,
}

/// Those that were there at the last sample, by pid.
#[derive(Default)]
struct Processes {
    #[expect(clippy::vec_box, reason = "one that comes or goes moves pointers, not processes")]
    all: Vec<Box<Process>>,
    at: usize,
    threads: Threads,
    pass: u64,
    left_out: usize,
    is_lost: bool,
}

impl Iterated {
    /// Starts the iterator, or says why there is none.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn open(context: &Context) -> Result<Result<Iterated, String>, SourceError> {
        if let Some(why) = other_numbers(&context.proc) {
            return Ok(Err(why));
        }
        let table = match ProcessTable::start(REFRESH) {
            Ok(table) => table,
            Err(why) => return Ok(Err(why.to_string())),
        };
        let programs = std::slice::from_ref(table.program());
        Ok(Ok(Iterated {
            _registered: context.programs.register(super::SOURCE.name, programs),
            table,
            processes: Processes::default(),
            texts: Texts::open(context)?,
            units: Units::here(),
            sees_init: context.proc.join("1/stat").exists(),
            interval: context.asked.interval,
            tables: table::tables(table::EBPF, context.asked.interval_ns(), &[]),
        }))
    }
}

/// Why the kernel's numbers are not those of the procfs at `root`, if they are not.
fn other_numbers(root: &Path) -> Option<String> {
    if !is_our_pid_namespace(root) {
        return Some("procfs is that of another pid namespace".to_owned());
    }
    let namespace = std::fs::read_link(root.join("self/ns/pid")).unwrap_or_default();
    (namespace != Path::new(HOST_PIDS)).then(|| {
        "the recorder is in a pid namespace of its own, and the kernel's programs number \
         processes as the host does"
            .to_owned()
    })
}

impl Source for Iterated {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let Iterated { table, processes, texts, units, .. } = self;
        processes.begin();
        let read = table.rows(|row| processes.take(row)).and_then(|()| processes.end());
        read.map_err(|source| SourceError::Read { path: PathBuf::from("iter/task"), source })?;
        let time_ns = sink.time_ns();
        texts.asker.begin(time_ns);
        processes.read_texts(time_ns, texts)?;
        let sample = sink.table(0);
        sample.begin_sample(time_ns);
        for process in &mut processes.all {
            process.report_hangs(&mut texts.asker);
            table::push(sample, &process.row(*units));
        }
        sample.end_sample();
        texts.asker.end(time_ns, sink);
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        if !self.sees_init {
            limits.push(
                "command lines and control groups of processes of other users are hidden: procfs \
                 is mounted with hidepid; run it as root, or in the group of its option gid"
                    .to_owned(),
            );
        }
        limits.extend(self.texts.asker.limits());
        if self.processes.left_out > 0 {
            limits.push(super::left_out(self.processes.left_out));
        }
        limits
    }

    fn feeding(&self) -> Option<Feeding> {
        Some(Feeding { tables: self.tables.clone(), every: self.interval, drains: false })
    }
}

impl Processes {
    fn begin(&mut self) {
        self.pass += 1;
        self.at = 0;
        self.left_out = 0;
        self.is_lost = false;
        self.threads.begin();
    }

    /// Takes one row. They come in the order of their numbers.
    fn take(&mut self, row: Row<'_>) {
        let is_known = match row {
            Row::SameProcess(pid) => match self.find(pid) {
                Some(process) => {
                    process.stay();
                    true
                }
                None => self.leave_out(),
            },
            Row::Process(row) => {
                let pass = self.pass;
                if let Some(process) = self.find(row.pid) {
                    process.update(&row, pass);
                } else if self.all.len() < MAX_PROCESSES || self.at < self.all.len() {
                    self.all.insert(self.at, Box::new(Process::new(&row, pass)));
                    self.at += 1;
                } else {
                    self.left_out += 1;
                }
                true
            }
            Row::SameThread(tid) => self.threads.stay(tid),
            Row::Thread(row) => {
                self.threads.update(&row);
                true
            }
        };
        self.is_lost |= !is_known;
    }

    /// A process that is not known, and whose last row was beyond the limit.
    fn leave_out(&mut self) -> bool {
        self.left_out += 1;
        self.all.len() >= MAX_PROCESSES
    }

    /// The process of that number. Those before it that were not seen have ended.
    fn find(&mut self, pid: u32) -> Option<&mut Process> {
        let ended = self.all[self.at..].iter().take_while(|process| process.pid < pid).count();
        if ended > 0 {
            self.all.drain(self.at..self.at + ended);
        }
        let process = self.all.get_mut(self.at).filter(|process| process.pid == pid)?;
        self.at += 1;
        Some(process)
    }

    /// Reads the texts that may have changed.
    fn read_texts(&mut self, now_ns: u64, texts: &mut Texts) -> Result<(), SourceError> {
        let all = &mut self.all;
        let mut from = 0;
        let mut failure = None;
        while from < all.len() {
            let to = all.len().min(from + TOGETHER);
            for process in &mut all[from..to] {
                if let Err(error) = process.read_texts(now_ns, texts) {
                    failure = Some(error);
                }
            }
            let Texts { asker, redactor, .. } = texts;
            asker.exchange(|question| {
                let at = all.binary_search_by_key(&question.pid, |process| process.pid);
                if let Some(process) = at.ok().and_then(|at| all.get_mut(at)) {
                    process.take(question, redactor);
                }
            });
            from = to;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Adds up what threads used.
    fn end(&mut self) -> io::Result<()> {
        self.all.truncate(self.at);
        if self.is_lost {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a row that nobody asked for"));
        }
        self.left_out += self.all.len().saturating_sub(MAX_PROCESSES);
        self.all.truncate(MAX_PROCESSES);
        let (all, pass) = (&mut self.all, self.pass);
        let mut at = 0;
        self.threads.each(|thread| {
            if all.get(at).is_none_or(|process| process.pid != thread.pid) {
                at = all.partition_point(|process| process.pid < thread.pid);
            }
            if let Some(process) = all.get_mut(at).filter(|process| process.pid == thread.pid) {
                process.add(thread, pass);
            }
        });
        for process in all {
            process.sum_up(pass);
        }
        Ok(())
    }
}
