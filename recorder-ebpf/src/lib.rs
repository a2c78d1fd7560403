//! The eBPF programs of nodemon, and how they get into the kernel.
//!
//! One feature is one object: `bpf/NAME.bpf.c` is compiled by `build.rs` and embedded; the folder
//! `src/NAME/` loads it. An object that a kernel refuses takes nothing else along. What all of
//! them share, and no more, is beside them:
//!
//! - [`percpu`]: where the kernel's per-CPU variables are, out of its BTF.
//! - [`heap`]: gives back what reading that BTF took.
//!
//! Whether a kernel can run a program is found out by loading it, never by the kernel's version.

mod heap;
mod percpu;
pub mod timer;
