//! What the recorder itself costs, and what people tell it.

pub mod ebpf_program;
pub mod mark;
pub mod recorder;
pub mod trigger;
