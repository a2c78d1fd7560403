//! Files of other processes whose reading waits for that process.
//!
//! `cmdline` takes the lock of its memory, which a thread holds that waits for a page from a file
//! server, or that waits for another one that does; it is why `ps` hangs on sick machines. `io`
//! takes the lock of its exec, which an exec holds while it closes files, and a FUSE file is closed
//! when its daemon says so. Either may take for ever, and nothing that can be seen of the process
//! tells: its first thread sleeps. So helpers read them ([`crate::waiting`]).

use super::files::{Missing, Opened, ProcessPath, Reader};
use crate::source::{Sink, SourceError};
use crate::waiting::{Call, Crew, HANGS, Waiters, patience};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

/// Who reads. So many processes may hang at a time; beyond that none is asked.
static CREW: Crew = Crew::new(c"nodemon-procs", 16);
/// Bytes that are read of a file: what is kept of a command line, and more than `io` has.
const READ_BYTES: usize = 1024;
/// Buffers that are kept for later use.
const SPARE: usize = 64;
/// Processes that are looked at between two exchanges, so that their texts take bounded memory.
pub const TOGETHER: usize = 256;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Its command line.
    Title,
    /// What it read and wrote.
    Io,
}

impl Asked {
    fn file(self) -> &'static str {
        match self {
            Asked::Title => "cmdline",
            Asked::Io => "io",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Asked::Title => "the command line",
            Asked::Io => "the I/O counts",
        }
    }
}

/// A file of a process that is to be read.
#[derive(Debug)]
pub struct Question {
    /// Which process: another one may have its number when the answer comes.
    pub pid: u32,
    /// When that started, in the units of who asks.
    pub start: u64,
    /// What is asked.
    pub asked: Asked,
    file: Option<Opened>,
    text: Vec<u8>,
    length: Option<usize>,
    is_made: bool,
}

/// What came of a question.
pub enum Answer<'a> {
    /// What the file says.
    Text(&'a [u8]),
    /// It cannot be read, or the process is gone.
    Unreadable,
    /// It was not read, because so many others hang.
    NotAsked,
}

impl Call for Question {
    fn make(&mut self) {
        let Some(file) = &self.file else { return };
        self.length = file.as_ref().read_at(&mut self.text, 0).ok();
        self.is_made = true;
    }
}

impl Question {
    /// What came of it.
    pub fn answer(&self) -> Answer<'_> {
        match self.length {
            _ if !self.is_made => Answer::NotAsked,
            Some(length) => Answer::Text(self.text.get(..length).unwrap_or_default()),
            None => Answer::Unreadable,
        }
    }
}

/// Whether a file of one process is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inquiry {
    /// It is not.
    #[default]
    None,
    /// It is to be, and all helpers hang.
    Waits,
    /// It is.
    Out,
    /// It is, and it hangs, which has been logged.
    Hangs,
}

impl Inquiry {
    /// Whether it is under way, so that there is nothing to ask for.
    pub fn is_out(self) -> bool {
        matches!(self, Inquiry::Out | Inquiry::Hangs)
    }

    /// It has come back, made or not.
    pub fn end(&mut self, question: &Question, command: &[u8]) {
        let before = *self;
        *self = if question.is_made { Inquiry::None } else { Inquiry::Waits };
        if before == Inquiry::Hangs {
            let (pid, command) = (question.pid, String::from_utf8_lossy(command));
            tracing::info!("process {pid} ({command}) can be read again");
        }
    }
}

/// Asks.
pub struct Asker {
    waiters: Waiters<Question>,
    questions: Vec<Question>,
    /// Buffers for later use.
    spare: Vec<Vec<u8>>,
    patience: Duration,
    /// When processes were sampled last.
    sampled_ns: Option<u64>,
    /// Of the sample that is being taken: since when what hangs is missing, and what was not asked.
    since_ns: u64,
    not_asked: u64,
    hung: Vec<String>,
}

impl Asker {
    /// For a source that samples every `interval`.
    pub fn new(interval: Duration) -> Asker {
        Asker {
            waiters: Waiters::new(&CREW),
            questions: Vec::new(),
            spare: Vec::new(),
            patience: patience(interval),
            sampled_ns: None,
            since_ns: 0,
            not_asked: 0,
            hung: Vec::new(),
        }
    }

    /// Begins a sample.
    pub fn begin(&mut self, now_ns: u64) {
        self.since_ns = self.sampled_ns.unwrap_or(now_ns);
        self.not_asked = 0;
        self.hung.clear();
    }

    /// Asks for the command line of a process.
    ///
    /// # Errors
    /// When the recorder has run out of something.
    pub fn title(
        &mut self,
        reader: &Reader,
        path: &mut ProcessPath,
        (pid, start): (u32, u64),
    ) -> Result<Inquiry, SourceError> {
        match reader.opened(path, Asked::Title.file()) {
            Ok(file) => {
                self.ask(Asked::Title, (pid, start), Opened::Once(file));
                Ok(Inquiry::Out)
            }
            Err(Missing::Failed(error)) => Err(error),
            Err(_) => Ok(Inquiry::None),
        }
    }

    /// Asks for what a process read and wrote.
    ///
    /// # Errors
    /// See [`Missing`].
    pub fn io(
        &mut self,
        reader: &mut Reader,
        path: &mut ProcessPath,
        (pid, start): (u32, u64),
        kept: &mut Option<Arc<std::fs::File>>,
        keep: bool,
    ) -> Result<Inquiry, Missing> {
        let file = reader.open_kept(path, Asked::Io.file(), kept, keep)?;
        self.ask(Asked::Io, (pid, start), file);
        Ok(Inquiry::Out)
    }

    fn ask(&mut self, asked: Asked, (pid, start): (u32, u64), file: Opened) {
        let text = self.spare.pop().unwrap_or_else(|| vec![0; READ_BYTES]);
        let (file, length, is_made) = (Some(file), None, false);
        self.questions.push(Question { pid, start, asked, file, text, length, is_made });
    }

    /// Has everything read that was asked for, and gives out what came back, that of earlier
    /// samples too.
    pub fn exchange(&mut self, mut take: impl FnMut(&Question)) {
        self.waiters.exchange(&mut self.questions, self.patience);
        for question in self.questions.drain(..) {
            self.not_asked += u64::from(!question.is_made);
            take(&question);
            if self.spare.len() < SPARE {
                self.spare.push(question.text);
            }
        }
    }

    /// Takes note that a file of a process has not come back. Called for each at each sample.
    pub fn hangs(&mut self, inquiry: &mut Inquiry, asked: Asked, pid: u32, command: &[u8]) {
        let name = format!("process {pid} ({})", String::from_utf8_lossy(command));
        if *inquiry != Inquiry::Hangs {
            *inquiry = Inquiry::Hangs;
            let words = asked.words();
            tracing::warn!("timed out reading {words} of {name}; left blank until it can be read");
        }
        self.hung.push(format!("{name}: timed out reading {}", asked.words()));
    }

    /// Ends a sample that was taken at `time_ns`: what hangs is a gap of the table.
    pub fn end(&mut self, time_ns: u64, sink: &mut Sink) {
        let span = (self.since_ns, time_ns);
        for detail in &self.hung {
            sink.lose(0, HANGS, span, 1, detail.clone());
        }
        if self.not_asked > 0 {
            let why = format!("because those of {} others hang", self.waiters.most());
            let detail = format!("command lines or I/O of more processes not read, {why}");
            sink.lose(0, HANGS, span, self.not_asked, detail);
        }
        self.sampled_ns = Some(time_ns);
    }

    /// What hangs, in sentences.
    pub fn limits(&self) -> Vec<String> {
        self.hung.clone()
    }
}
