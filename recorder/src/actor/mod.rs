//! The actors: one for each source, one for each thread that samples, the writer.
//!
//! ```text
//! control ── StartSource, Drain ──► SamplerThread ── Open, Finish ──► SourceActor ── records ─┐
//!                                    └── Clock ── ticks ────────┘                     │
//!                                                                                    ▼
//!                       Writer ◄── Batch, one a round, bounded ── Outbox, one a thread ─┘
//! ```
//!
//! `thread` is what runs once a round of a thread, `source` what runs once a sample of a source,
//! `watch` what the watchdog sees of it from outside, and `writer` what runs once a commit.

mod alert;
#[cfg(test)]
mod bursts;
mod message;
mod source;
#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod tests;
mod thread;
mod watch;
mod writer;

pub use alert::Alert;
pub use message::{Close, Closed, Raised, SetSizes};
pub use source::supervisor::{Failure, Opening, Ready, Supervisor};
pub use source::{SourceState, Watch};
pub use thread::alarm::Alarm;
pub use thread::outbox::Outbox;
pub use thread::sampler_thread::{
    Drain, DropPrivileges, EndSource, RunSource, SamplerThread, SamplerThreadOptions,
};
pub use thread::workers::{Place, Workers};
pub use watch::{Doing, InCall, Notice, culprit_of};
pub use writer::Writer;
