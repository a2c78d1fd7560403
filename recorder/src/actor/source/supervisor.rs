//! Keeps one source going: opens it, samples it, lets go of it when it fails, and says when to try
//! again. A source that fails takes nobody with it, even when it panics.

use super::backoff::Backoff;
use crate::source::{Context, Descriptor, Feeding, Sink, Source, SourceError};
use nodemon_formats::clock::boottime_ns;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
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
    /// It is ready.
    Ready(Ready),
    /// This machine does not have it, and why.
    Unavailable(String),
    /// It failed.
    Failed(Failure),
}

/// A source that is ready.
#[derive(Debug)]
pub struct Ready {
    /// What it cannot read as this user, or does not have.
    pub limits: Vec<String>,
    /// What it looks at, where the configuration names that.
    pub details: Vec<String>,
    /// How it is fed, where its descriptor does not say it all.
    pub feeding: Option<Feeding>,
}

/// A failure of a source.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub error: String,
    /// When to reopen it.
    pub retry_in: Duration,
    /// Whether it only waits for what is not there yet.
    pub is_not_yet_present: bool,
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
    /// `sink`, in which nothing may be left, becomes one for its tables as they are fed.
    pub fn open(&mut self, sink: &mut Sink) -> Opening {
        let attempt = self.attempt().perform(sink);
        self.opened(attempt)
    }

    /// An attempt to open the source, which may be made on any thread.
    pub fn attempt(&mut self) -> Attempt {
        self.opened_ns = boottime_ns();
        Attempt { descriptor: self.descriptor, context: self.context.clone() }
    }

    /// Takes over what an attempt came to.
    pub fn opened(&mut self, attempted: Attempted) -> Opening {
        match attempted.0 {
            Ok((source, ready)) => {
                self.source = Some(source);
                self.was_open = true;
                Opening::Ready(ready)
            }
            Err(Fault::Error(error @ SourceError::Unavailable { .. })) if !self.was_open => {
                Opening::Unavailable(error.to_string())
            }
            Err(fault) => Opening::Failed(self.failed(&fault)),
        }
    }

    /// Takes the source out, to be dropped: letting go of what it holds may take a while.
    pub fn release(&mut self) -> Option<Box<dyn Source>> {
        self.source.take()
    }

    /// Takes one sample. What a failed one left half done is taken back.
    ///
    /// # Errors
    /// The source failed: it is not sampled again. [`Supervisor::release`] it, and reopen it
    /// when it is time.
    pub fn sample(&mut self, sink: &mut Sink) -> Result<(), Failure> {
        let Some(source) = &mut self.source else { return Ok(()) };
        guarded(|| source.sample(sink)).map_err(|fault| {
            sink.abandon_unfinished();
            self.failed(&fault)
        })
    }

    fn failed(&mut self, fault: &Fault) -> Failure {
        let worked_for = Duration::from_nanos(boottime_ns().saturating_sub(self.opened_ns));
        let is_not_yet_present = matches!(fault, Fault::Error(SourceError::NotYetPresent { .. }));
        // To look costs next to nothing, and what comes is wanted from its beginning.
        let retry_in = if is_not_yet_present { AWAITED } else { self.backoff.failed(worked_for) };
        Failure { error: fault.to_string(), retry_in, is_not_yet_present }
    }
}

/// An attempt to open a source. It may wait for whoever has what it opens, so it is made where
/// nobody else waits.
pub struct Attempt {
    descriptor: &'static Descriptor,
    context: Context,
}

/// What an attempt came to.
pub struct Attempted(Result<(Box<dyn Source>, Ready), Fault>);

impl Attempt {
    /// Opens the source and takes its first sample into `sink`, see [`Supervisor::open`]. Does not
    /// begin, or gives up, once the recorder ends.
    pub fn perform(self, sink: &mut Sink) -> Attempted {
        if self.context.is_ending.load(Relaxed) {
            return Attempted(Err(Fault::Error(SourceError::Ending)));
        }
        let opened = guarded(|| {
            let mut source = (self.descriptor.open)(&self.context)?;
            let feeding = source.feeding();
            if let Some(feeding) = &feeding {
                *sink = Sink::new(&feeding.tables);
            }
            source.sample(sink)?;
            let (limits, details) = (source.limits(), source.details());
            Ok((source, Ready { limits, details, feeding }))
        });
        if opened.is_err() {
            sink.abandon_unfinished();
        }
        Attempted(opened)
    }
}

impl Attempted {
    /// Whether it was given up because the recorder ends: there is nothing to be told.
    pub fn is_given_up(&self) -> bool {
        matches!(self.0, Err(Fault::Error(SourceError::Ending)))
    }
}

/// Drops a source, whatever its destructor does.
pub fn close(source: Option<Box<dyn Source>>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(source)));
}

/// How often to look for what is not there yet.
const AWAITED: Duration = Duration::from_secs(5);

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

/// What a panic says.
pub fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Opening, Supervisor};
    use crate::actor::test_support::{MOODY, context, set_mood};
    use crate::source::Sink;
    use std::time::Duration;

    fn sink() -> Sink {
        Sink::new(&(MOODY.tables)())
    }

    #[test]
    fn a_sample_that_fails_or_panics_half_way_is_taken_back_and_the_source_let_go_of() {
        for (mood, told) in [("fail", "a bad mood"), ("panic", "it panicked: the mood is panic")] {
            let dir = tempfile::tempdir().unwrap();
            let mut supervisor = Supervisor::new(&MOODY, context(dir.path(), "good"));
            let mut sink = sink();
            assert!(matches!(supervisor.open(&mut sink), Opening::Ready(_)));
            supervisor.sample(&mut sink).unwrap();
            set_mood(dir.path(), mood);
            let failure = supervisor.sample(&mut sink).unwrap_err();
            assert!(failure.error.contains(told), "{mood}: {failure:?}");
            assert_eq!(failure.retry_in, Duration::from_secs(1));
            let table = sink.table(0);
            assert!(!table.is_open());
            assert_eq!((table.samples(), table.rows()), (2, 4), "{mood}: the good ones stay");

            let Opening::Failed(failure) = supervisor.open(&mut sink) else { panic!("{mood}") };
            assert_eq!(failure.retry_in, Duration::from_secs(2), "{mood}: it backs off");
            assert_eq!(sink.table(0).samples(), 2, "{mood}: opening took its half sample back");
            set_mood(dir.path(), "good");
            assert!(matches!(supervisor.open(&mut sink), Opening::Ready(_)));
            assert_eq!(sink.table(0).samples(), 3, "{mood}: opening took a sample");
        }
    }

    #[test]
    fn what_is_not_there_at_the_start_stays_off_and_what_goes_away_later_may_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path(), "gone");
        let mut supervisor = Supervisor::new(&MOODY, context.clone());
        let Opening::Unavailable(why) = supervisor.open(&mut sink()) else { panic!("it is gone") };
        assert_eq!(why, "mood is not available: it is gone");

        set_mood(dir.path(), "good");
        let mut supervisor = Supervisor::new(&MOODY, context);
        assert!(matches!(supervisor.open(&mut sink()), Opening::Ready(_)));
        set_mood(dir.path(), "gone");
        assert!(matches!(supervisor.open(&mut sink()), Opening::Failed(_)));
    }

    #[test]
    fn a_panic_while_opening_is_a_failure_like_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let mut supervisor = Supervisor::new(&MOODY, context(dir.path(), "panic on open"));
        let Opening::Failed(failure) = supervisor.open(&mut sink()) else { panic!("it panicked") };
        assert_eq!(failure.error, "it panicked: the mood is bad");
    }

    #[test]
    fn what_a_source_lacks_is_asked_after_its_first_sample_has_shown_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut supervisor = Supervisor::new(&MOODY, context(dir.path(), "good"));
        let Opening::Ready(ready) = supervisor.open(&mut sink()) else { panic!("it is good") };
        assert_eq!(ready.limits, ["limited after 1 samples"]);
    }
}
