//! What a feature is: one eBPF object, the places where its programs are attached, and the tables that its
//! maps, rings and iterators are.
//!
//! Every folder of `features/` is one: `NAME.bpf.c` and `manifest.rs`, which holds a
//! `pub const FEATURE: Feature`. Nothing else has to be touched to add one.

mod column;
mod hook;
mod layout;
mod list;
mod table;

pub(crate) use column::columns_of_task;
pub use column::{Cell, Column, Meaning, Show, TASK, join};
pub use hook::{Attach, HardwareEvent, Hook, SoftwareEvent};
pub use layout::{Layout, Place};
pub use list::FEATURES;
pub use table::{HISTOGRAM_SLOTS, Origin, Table};

/// One eBPF object and the tables that come of it.
#[derive(Debug)]
pub struct Feature {
    /// Its name, which is that of its folder and of its source: `block_latency`.
    pub name: &'static str,
    /// What its programs are attached to, as people know it: `sched_switch`.
    pub reads: &'static str,
    /// Whether it runs unless the configuration says otherwise.
    pub default_on: bool,
    /// How often its maps are read unless the configuration says otherwise, ms.
    pub default_interval_ms: u64,
    /// The object that `build.rs` made of its C.
    pub object: &'static [u8],
    /// What runs instead where the kernel keeps nothing with tasks or sockets for programs (before
    /// 5.11), if that would be something else.
    pub without_storage: Option<WithoutStorage>,
    /// Where its programs are attached.
    pub hooks: &'static [Hook],
    /// Maps whose size is that of the number of CPUs times these many elements.
    pub per_cpu: &'static [(&'static str, u32)],
    /// What those events are that have a budget of their own, so that others do not crowd them out;
    /// empty where there are none.
    pub precious: &'static str,
    /// Events that may be sent in a second unless the configuration says otherwise. The ring has room
    /// for so many, and counts as memory of the recorder twice.
    pub events_per_s: u64,
    /// The map of what its events were about and is still there, if they are told only when that is so
    /// after a while.
    pub awaited: Option<&'static str>,
    /// The filters that its programs support.
    pub filters: SupportedFilters,
    /// Maps whose size the configuration may set (the key `entries`).
    pub sized: &'static [&'static str],
    /// Variables of the object that are to be the addresses of variables of the kernel.
    pub symbols: &'static [(&'static str, &'static str)],
    /// The tables, in the order in which people want to see them.
    pub tables: &'static [Table],
}

/// What may be left out in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupportedFilters {
    /// All but a process, or programs of a name.
    pub task: bool,
    /// All but a control group.
    pub cgroup: bool,
    /// All but a network interface.
    pub interface: bool,
}

impl SupportedFilters {
    /// Of what tasks do.
    pub const TASK: SupportedFilters =
        SupportedFilters { task: true, cgroup: true, interface: false };
    /// Of sockets, which know the control group that they were made in.
    pub const SOCKET: SupportedFilters =
        SupportedFilters { task: false, cgroup: true, interface: false };
    /// Of packets.
    pub const INTERFACE: SupportedFilters =
        SupportedFilters { task: false, cgroup: false, interface: true };
    /// Of what nobody in particular does.
    pub const NONE: SupportedFilters =
        SupportedFilters { task: false, cgroup: false, interface: false };
}

/// What a feature is where the kernel keeps nothing with tasks or sockets for programs.
#[derive(Debug)]
pub struct WithoutStorage {
    /// The object that `build.rs` made of `NAME.without_storage.bpf.c`.
    pub object: &'static [u8],
    /// What it cannot do, as the end of a sentence.
    pub lacks: &'static str,
    /// What the kernel does not have, as a sentence.
    pub because: &'static str,
    /// Whether it is taken before [`SAFE_STORAGE`] as well.
    pub keeps_under_locks: bool,
}

/// From this kernel on programs can keep something with tasks and sockets.
pub const STORAGE: (u32, u32) = (5, 11);

/// From this kernel on what is kept with tasks is made of memory that lies ready. Before, it was
/// allocated on the spot, and where that finds little left it wakes the thread that frees some: who
/// holds the lock of a run queue, as everybody does at a switch, waits for himself.
pub const SAFE_STORAGE: (u32, u32) = (6, 4);

/// The object that `build.rs` made of the C of a feature.
macro_rules! object {
    ($name:literal) => {
        aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/features/", $name, ".bpf.o"))
    };
}
pub(crate) use object;

/// How many names there are, as maps count their elements.
#[expect(clippy::cast_possible_truncation, reason = "asserted when it is compiled")]
pub(crate) const fn count(names: &[&str]) -> u32 {
    assert!(names.len() < 1 << 16);
    names.len() as u32
}

/// A feature as most are: on, every second. What a manifest does not say is taken from here.
pub const COMMON: Feature = Feature {
    name: "",
    reads: "",
    default_on: true,
    default_interval_ms: 1000,
    object: &[],
    without_storage: None,
    hooks: &[],
    per_cpu: &[],
    precious: "",
    events_per_s: 1000,
    awaited: None,
    filters: SupportedFilters::TASK,
    sized: &[],
    symbols: &[],
    tables: &[],
};

impl Feature {
    /// Whether it has events, and nothing that is sampled.
    pub fn is_of_events(&self) -> bool {
        self.tables.iter().all(Table::is_of_events)
    }

    /// Whether it looks at the functions that it is told to look at, and at nothing else.
    pub fn looks_at_functions(&self) -> bool {
        let mut points = self.hooks.iter().flat_map(|hook| hook.attach_points);
        points.any(|point| matches!(point, Attach::Functions(..)))
    }

    /// The functions that it looks at in one process, which has to be named.
    pub fn calls(&self) -> Vec<&'static str> {
        let points = self.hooks.iter().flat_map(|hook| hook.attach_points);
        let name = |point: &Attach| match point {
            Attach::Call(function, ..) => Some(*function),
            _ => None,
        };
        points.filter_map(name).collect()
    }
}
