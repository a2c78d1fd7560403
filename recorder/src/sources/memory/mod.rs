//! Memory, and the nodes that it is on.

pub mod meminfo;
pub mod numa;
pub mod vmstat;
