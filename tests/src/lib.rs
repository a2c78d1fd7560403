//! Real processes for the end-to-end tests: the recorder, the queries, a load, a disk in trouble.
//!
//! Nothing here stands in for anything. What cannot be set up panics with the reason, because a
//! test without it would hold nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ask;
mod child;
mod chunks;
mod disk;
mod fuse;
mod load;
mod many_mounts;
mod mount;
mod programs;
mod random;
mod reader;
mod recorder;
mod recording;
mod sampled;
mod ticks;
mod typed;

pub use ask::{Answer, ask, ask_ok, csv};
pub use child::{Killed, compile_c};
pub use chunks::{Kind, Piece, chunks_in};
pub use disk::{fingerprint, usage_bytes};
pub use fuse::{Fuse, Locked, play_role, why_no_fuse};
pub use load::{Loops, burn_cpu, loopback, write_file};
pub use many_mounts::{ManyMounts, why_no_namespace};
pub use mount::{Mount, why_no_mounts};
pub use programs::{Programs, programs};
pub use random::seeded;
pub use reader::{
    Table, find_table, gaps, has_rows, read_table, rows_in, segments, span, wall_now_ns,
};
pub use recorder::{Recorder, Setup};
pub use recording::{copy, ended_recording, killed_recording};
pub use sampled::assert_weights;
pub use ticks::Ticks;
pub use typed::type_line;
