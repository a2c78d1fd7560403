//! The actors: one for each source, a lane for each thread that samples, the writer.
//!
//! ```text
//! control ── StartSource, Drain ──► Lane ── Open, Finish ──► SourceActor ── records ─┐
//!                                    └── Clock ── ticks ────────┘                     │
//!                                                                                    ▼
//!                       Writer ◄── Batch, one a round, bounded ── Outbox, one a lane ─┘
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
mod lane;
mod message;
mod outbox;
mod pace;
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
pub use lane::{Drain, DropPrivileges, EndSource, Lane, LaneOptions, RunSource};
pub use message::{Close, Closed, SetSizes};
pub use outbox::Outbox;
pub use source::{GATHER_UP_TO_NS, SourceState, Watch};
pub use supervisor::{Failure, Opening, Ready, Supervisor};
pub use watch::{Doing, InCall, culprit_of};
pub use workers::{Place, Workers};
pub use writer::Writer;
