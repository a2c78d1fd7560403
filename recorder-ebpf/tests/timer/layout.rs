//! The offsets that the ring is read at here. `agreement` holds them against the header that both
//! producers share.

pub const ELEMENT: usize = 160;
pub const MAGIC: u64 = 0x526e_6f6d_6564_6f6e;

/// Of `struct nodemon_ring_header`.
pub mod header {
    pub const MAGIC: usize = 0;
    pub const VERSION: usize = 8;
    pub const ELEMENT_BYTES: usize = 12;
    pub const SLOTS_OFFSET: usize = 16;
    pub const SLOTS: usize = 20;
    pub const CPUS: usize = 24;
    pub const PRODUCER: usize = 28;
    pub const INTERVAL_NS: usize = 32;
    pub const PRESENT: usize = 40;
    pub const STARTED_NS: usize = 48;
    pub const TICK_NS: usize = 56;
    pub const IDLE_QUANTUM_NS: usize = 60;
    pub const PAGE_BYTES: usize = 68;
    pub const TIMER_CPU: usize = 72;
    pub const WRITTEN: usize = 80;
    pub const MISSED: usize = 88;
    pub const COST_NS: usize = 96;
}

/// Of `struct nodemon_slot`.
pub mod slot {
    pub const SEQUENCE: usize = 0;
    pub const MONOTONIC_NS: usize = 8;
    pub const BOOTTIME_NS: usize = 16;
    pub const MISSED: usize = 24;
    pub const COST_NS: usize = 32;
}

/// Of `struct nodemon_cpu`.
pub mod cpu {
    pub const STATES_NS: usize = 0;
    pub const IRQS: usize = 80;
    pub const SWITCHES: usize = 88;
    pub const SOFTIRQS: usize = 96;
    pub const RUNNING: usize = 136;
    pub const FLAGS: usize = 140;
}

pub const IDLE: usize = 3;
pub const IOWAIT: usize = 4;
pub const HAS: [u64; 7] = [1, 2, 4, 8, 16, 32, 512];
