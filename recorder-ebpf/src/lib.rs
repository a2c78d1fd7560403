//! The eBPF programs of nodemon, and how they get into the kernel and their results out of it.
//!
//! One feature is one object, in a folder of its own: `features/NAME/` has the program in C and a
//! manifest, which says where the program is attached and what tables its maps are. An object that a
//! kernel refuses takes nothing else along. The timer that samples every CPU fills a ring instead
//! of tables: it is in `bpf/timer.bpf.c` and [`timer`]. The process table has threads to sum up: it
//! is in `bpf/process.bpf.c` and [`process`].
//!
//! - [`feature`]: what a manifest says.
//! - [`load`]: gets a feature into the kernel, at the first of several attach points that this one has.
//! - [`drain`]: takes rows out of maps, rings and iterators.
//! - [`names`]: what the kernel numbers, as people know it.
//! - [`packets`]: programs on network interfaces that come and go.
//! - [`percpu`]: where the kernel's per-CPU variables are, out of its BTF.
//! - [`allocator`]: gives back what reading that BTF took.
//!
//! Whether a kernel can run a program is found out by loading it, never by the kernel's version.

// What comes from a disk, the kernel or a person is never cut short without a word. Tests may, of
// what they made themselves.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)
)]

pub mod allocator;
pub mod allowance;
pub mod drain;
mod error;
pub mod feature;
pub mod load;
mod mapped;
pub mod names;
pub mod netlink;
mod object;
mod packets;
mod percpu;
pub mod process;
mod rejection;
pub mod stack;
mod sys;
pub mod timer;

pub use error::FeatureError;
