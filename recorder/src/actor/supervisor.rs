//! Keeps one source going: opens it, samples it, lets go of it when it fails, and says when to try
//! again. A source that fails takes nobody with it, even when it panics.

use super::backoff::Backoff;
use crate::source::{Context, Descriptor, Sink, Source, SourceError};
use nodemon_formats::clock::boottime_ns;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A source under supervision.
pub struct Supervisor {
    descriptor: &'static Descriptor,
    context: Context,
    source: Option<Box<dyn Source>>,
    /// Whether it was ever there: what is not there at the start stays off, what goes away later
    /// may come back.
    was_open: bool,
    opened_ns: u64,
    backoff: Backoff,
}

/// What opening a source came to.
#[derive(Debug)]
pub enum Opening {
    /// It is ready. With what it cannot read as this user.
    Ready(Vec<String>),
    /// This machine does not have it, and why.
    Unavailable(String),
    /// It failed.
    Failed(Failure),
}

/// A failure of a source.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub error: String,
    /// When to open it anew.
    pub retry_in: Duration,
}

impl Supervisor {
    /// A source that is not open yet.
    pub fn new(descriptor: &'static Descriptor, context: Context) -> Supervisor {
        Supervisor {
            descriptor,
            context,
            source: None,
            was_open: false,
            opened_ns: 0,
            backoff: Backoff::default(),
        }
    }

    /// Opens the source and takes its first sample, which shows whether it works and what it lacks.
    pub fn open(&mut self, sink: &mut Sink) -> Opening {
        self.opened_ns = boottime_ns();
        let opened = guarded(|| {
            let mut source = (self.descriptor.open)(&self.context)?;
            source.sample(sink)?;
            let limits = source.limits();
            Ok((source, limits))
        });
        match opened {
            Ok((source, limits)) => {
                self.source = Some(source);
                self.was_open = true;
                Opening::Ready(limits)
            }
            Err(fault) => {
                sink.abandon_unfinished();
                match fault {
                    Fault::Error(error @ SourceError::Unavailable { .. }) if !self.was_open => {
                        Opening::Unavailable(error.to_string())
                    }
                    fault => Opening::Failed(self.failed(&fault)),
                }
            }
        }
    }

    /// Takes one sample. What a failed one left half done is taken back.
    ///
    /// # Errors
    /// The source failed and was let go of: [`Supervisor::open`] it when it is time.
    pub fn sample(&mut self, sink: &mut Sink) -> Result<(), Failure> {
        let Some(source) = &mut self.source else { return Ok(()) };
        guarded(|| source.sample(sink)).map_err(|fault| {
            sink.abandon_unfinished();
            self.failed(&fault)
        })
    }

    fn failed(&mut self, fault: &Fault) -> Failure {
        // Its destructor may panic like anything else of it.
        let source = self.source.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(source)));
        let worked_for = Duration::from_nanos(boottime_ns().saturating_sub(self.opened_ns));
        Failure { error: fault.to_string(), retry_in: self.backoff.failed(worked_for) }
    }
}

/// What can go wrong in a source.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Error(SourceError),
    #[error("it panicked: {0}")]
    Panic(String),
}

/// Does `what`, and turns a panic into a fault.
///
/// After a panic the source is dropped, and the sink takes back what was unfinished, so nothing
/// that the panic left in disorder is looked at again.
fn guarded<T>(what: impl FnOnce() -> Result<T, SourceError>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(what)) {
        Ok(result) => result.map_err(Fault::Error),
        Err(panic) => Err(Fault::Panic(words(&*panic))),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
