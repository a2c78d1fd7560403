//! The ring into which the kernel samples every CPU, and out of which the recorder reads by
//! mapping it: no system call a sample. `kmod/nodemon_ring.h` is the layout, `docs/format.md` says
//! it in tables; the kernel module and the eBPF timer both fill it.

pub mod abi;
mod attached;
mod memory;
mod reader;

#[cfg(test)]
mod tests;

pub use attached::{Attached, DEVICE};
pub use memory::Memory;
pub use reader::{Drain, Ring, RingError, Sample};
