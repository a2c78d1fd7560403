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
mod clock;
mod gaps;
mod lane;
mod message;
mod outbox;
mod pace;
mod schedule;
mod source;
mod supervisor;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trial;
mod writer;

pub use alert::Alert;
pub use lane::{Drain, DropPrivileges, EndSource, Lane, LaneOptions, StartSource};
pub use message::{Close, Closed, SetRingSize};
pub use source::GATHER_UP_TO_NS;
pub use supervisor::{Failure, Opening, Ready, Supervisor};
pub use writer::Writer;
