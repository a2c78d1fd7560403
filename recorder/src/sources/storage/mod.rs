//! Disks, and the file systems on them.

pub mod diskstats;
pub mod filesystem;
pub mod kernel_table;
