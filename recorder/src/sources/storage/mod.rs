//! Disks, and the file systems on them.

pub mod diskstats;
pub mod filesystem;
