//! The actors: one for each source, one for each thread that samples, the writer.
//!
//! ```text
//! control ── StartSource, Drain ──► SamplerThread ── Open, Finish ──► SourceActor ── records ─┐
//!                                    └── Clock ── ticks ────────┘                     │
//!                                                                                    ▼
//!                       Writer ◄── Batch, one a round, bounded ── Outbox, one a thread ─┘
//! ```

mod account;
mod alarm;
mod alert;
mod backoff;
#[cfg(test)]
mod bursts;
mod clock;
mod commit_times;
mod gaps;
mod kept;
mod message;
mod outbox;
mod pace;
mod sampler_thread;
mod schedule;
mod source;
mod supervisor;
mod surroundings;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod trial;
mod watch;
mod workers;
mod writer;

pub use alarm::Alarm;
pub use alert::Alert;
pub use message::{Close, Closed, SetSizes};
pub use outbox::Outbox;
pub use sampler_thread::{
    Drain, DropPrivileges, EndSource, RunSource, SamplerThread, SamplerThreadOptions,
};
pub use source::{SourceState, Watch};
pub use supervisor::{Failure, Opening, Ready, Supervisor};
pub use watch::{Doing, InCall, culprit_of};
pub use workers::{Place, Workers};
pub use writer::Writer;
