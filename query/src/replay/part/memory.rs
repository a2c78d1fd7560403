//! `memory`

use super::{Part, Row};
use serde_json::{Value, json};

/// What memory is used for, bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What the kernel manages.
    pub total: Option<f64>,
    /// Unused.
    pub free: Option<f64>,
    /// What can be had without swapping, estimated.
    pub available: Option<f64>,
    /// Page cache, that of block devices included.
    pub cached: Option<f64>,
    /// Anonymous memory of processes.
    pub anon: Option<f64>,
    /// Caches of kernel objects.
    pub slab: Option<f64>,
    /// Page cache to be written.
    pub dirty: Option<f64>,
    /// Page cache being written.
    pub writeback: Option<f64>,
    /// Swap space.
    pub swap_total: Option<f64>,
    /// Unused swap space.
    pub swap_free: Option<f64>,
}

impl Part for Memory {
    const TABLE: &'static str = "memory";
    const COLUMNS: &'static [&'static str] = &[
        "mem_total_bytes",
        "mem_free_bytes",
        "mem_available_bytes",
        "buffers_bytes",
        "cached_bytes",
        "anon_pages_bytes",
        "slab_bytes",
        "dirty_bytes",
        "writeback_bytes",
        "swap_total_bytes",
        "swap_free_bytes",
    ];

    fn from_row(row: &Row<'_>) -> Memory {
        let cached = row.number("cached_bytes");
        Memory {
            total: row.number("mem_total_bytes"),
            free: row.number("mem_free_bytes"),
            available: row.number("mem_available_bytes"),
            cached: cached.map(|bytes| bytes + row.number("buffers_bytes").unwrap_or(0.0)),
            anon: row.number("anon_pages_bytes"),
            slab: row.number("slab_bytes"),
            dirty: row.number("dirty_bytes"),
            writeback: row.number("writeback_bytes"),
            swap_total: row.number("swap_total_bytes"),
            swap_free: row.number("swap_free_bytes"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "total_bytes": self.total,
            "free_bytes": self.free,
            "available_bytes": self.available,
            "cached_bytes": self.cached,
            "anon_bytes": self.anon,
            "slab_bytes": self.slab,
            "dirty_bytes": self.dirty,
            "writeback_bytes": self.writeback,
            "swap_total_bytes": self.swap_total,
            "swap_free_bytes": self.swap_free,
        })
    }
}

impl Memory {
    /// What cannot be had without swapping.
    pub fn used(&self) -> Option<f64> {
        Some(self.total? - self.available.or(self.free)?)
    }

    /// Swap space in use.
    pub fn swap_used(&self) -> Option<f64> {
        Some(self.swap_total? - self.swap_free?)
    }
}
