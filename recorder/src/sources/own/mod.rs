//! What the recorder itself costs.

pub mod ebpf_program;
pub mod recorder;
