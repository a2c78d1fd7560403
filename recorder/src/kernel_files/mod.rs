//! Files that the kernel makes when they are read: opened once, read often, parsed without memory.

pub mod descriptor_budget;
pub mod file;
pub mod keyed;
pub mod process_stat;
pub mod sysfs;
pub mod text;
