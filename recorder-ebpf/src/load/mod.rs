//! Gets a feature into the kernel: its maps and programs, attached where this kernel has a place for
//! them.

mod attach;
mod cost;
mod cpus;
mod functions;
mod kernel;
mod settings;
mod storage;

pub use cost::{RunningProgram, Statistics};
pub use kernel::{KernelTypes, release_numbers};
pub use settings::{Filter, Function, LEVEL_UNKNOWN, Settings};

use crate::drain::{Live, Losses, Lost, Reader};
use crate::error::FeatureError;
use crate::feature::{Feature, Origin, Table};
use crate::names::{self, Names};
use crate::object::program_fd;
use crate::packets::Packets;
use attach::Attachment;
use aya::{Ebpf, EbpfLoader};
use cpus::OnCpus;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A feature that runs in the kernel. Dropping it takes it out again; so does the end of the
/// process, whatever ends it.
pub struct Running {
    /// What is attached in the kernel.
    _attached: Vec<Attachment>,
    packets: Option<Packets>,
    cpus: Vec<OnCpus>,
    /// Of a feature whose programs go where something comes.
    object: Option<Ebpf>,
    programs: Vec<RunningProgram>,
    readers: Vec<Reader>,
    losses: Losses,
    live: Option<Live>,
    missing: Vec<String>,
}

impl Running {
    /// Loads a feature and attaches it. From then on it counts.
    ///
    /// # Errors
    /// When this kernel has no place for a program that is needed, does not take it, or does not
    /// let this process; the error says which.
    pub fn start(feature: &'static Feature, settings: &Settings) -> Result<Running, FeatureError> {
        Running::start_unless(&AtomicBool::new(false), feature, settings)
    }

    /// Gets one of the objects of a feature into the kernel.
    fn start_object(
        feature: &'static Feature,
        object: &'static [u8],
        settings: &Settings,
        kernel: &KernelTypes,
        is_ending: &AtomicBool,
    ) -> Result<Running, FeatureError> {
        let mut object = create(feature, object, settings, kernel, is_ending)?;
        let mut running = Running {
            _attached: Vec::new(),
            packets: None,
            cpus: Vec::new(),
            object: None,
            programs: Vec::new(),
            readers: Vec::new(),
            losses: Losses::from_object(&mut object)?,
            live: feature.awaited.map(|map| Live::from_object(&mut object, map)).transpose()?,
            missing: Vec::new(),
        };
        let mut iterators = Vec::new();
        for hook in feature.hooks {
            unless_ending(is_ending)?;
            match attach::attach(&mut object, hook, settings, kernel) {
                Ok(attached) => {
                    for name in attached.programs {
                        if running.programs.iter().all(|known| known.name != name) {
                            let fd = program_fd(&object, name)?;
                            running.programs.push(RunningProgram::new(name, fd));
                        }
                    }
                    match attached.attachment {
                        Attachment::Iterator(name, link) => iterators.push((name, link)),
                        Attachment::Packets(packets) => running.packets = Some(*packets),
                        Attachment::Cpus(counted) => running.cpus.push(counted),
                        Attachment::Functions(mut on_functions) => {
                            running.missing.append(&mut on_functions.missing);
                            running._attached.push(Attachment::Functions(on_functions));
                        }
                        other => running._attached.push(other),
                    }
                }
                Err(why) if hook.is_needed => return Err(why),
                Err(why) => running.missing.push(why.to_string()),
            }
        }
        for table in feature.tables {
            running.readers.push(Reader::for_table(table, &mut object, &iterators, settings.cpus)?);
        }
        let follows = running.packets.is_some() || !running.cpus.is_empty();
        running.object = follows.then_some(object);
        Ok(running)
    }

    /// What is missing because this kernel has no place for it, a sentence each.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// What reads each table, in the order of [`Feature::tables`].
    pub fn readers(&mut self) -> &mut [Reader] {
        &mut self.readers
    }

    /// The programs that run.
    pub fn programs(&self) -> &[RunningProgram] {
        &self.programs
    }

    /// What was lost in the kernel since this was asked before.
    pub fn take_losses(&mut self) -> Lost {
        self.losses.take()
    }

    /// What its events were about and is still there.
    pub fn take_live(&mut self) -> Option<Live> {
        self.live.take()
    }

    /// Whether its programs are attached to network interfaces, which come and go.
    pub fn follows_interfaces(&self) -> bool {
        self.packets.is_some()
    }

    /// Puts programs that count on each CPU on those that have come online. One that cannot be put
    /// there is tried again the next time. Does nothing for a feature without such programs.
    pub fn follow_cpus(&mut self) {
        let Some(object) = &mut self.object else { return };
        for counted in &mut self.cpus {
            // Neither is a reason to have nothing of the other CPUs.
            let _ = counted.follow(object);
        }
    }

    /// Whether there are network interfaces for which there was no time yet.
    pub fn has_more_interfaces(&self) -> bool {
        self.packets.as_ref().is_some_and(Packets::has_more)
    }

    /// Lets go of what was counted on interfaces that are gone, once that was read.
    pub fn forget_gone_interfaces(&mut self, names: &mut Names) {
        if let Some(packets) = &mut self.packets
            && packets.forget_gone()
        {
            names.keep_interfaces(packets.there());
        }
    }

    /// Looks for network interfaces that have come or gone or have another name now, and puts what
    /// they are called into `names`; those that are gone keep their names there. Does nothing for a
    /// feature that is not attached to them.
    pub fn follow_interfaces(&mut self, names: &mut Names) {
        if let (Some(packets), Some(object)) = (&mut self.packets, &mut self.object)
            && packets.follow(object)
        {
            names.set_interfaces(packets.there());
        }
    }
}

/// Creates the maps of a feature and puts its settings in.
fn create(
    feature: &'static Feature,
    object: &'static [u8],
    settings: &Settings,
    kernel: &KernelTypes,
    is_ending: &AtomicBool,
) -> Result<Ebpf, FeatureError> {
    let settings = settings.kept();
    let addresses = addresses_of(feature)?;
    let load = |loader: &mut EbpfLoader<'static>| {
        // It may have waited for the loader.
        unless_ending(is_ending)?;
        set(loader, feature, settings);
        for (variable, address) in addresses {
            // Of the next feature, which may not have it, nothing is asked.
            loader.override_global(variable, &*Box::leak(Box::new(address)), false);
        }
        Ok(loader.load(object)?)
    };
    // Sizes that are set for the maps of one feature would be those of the next.
    let loaded = match settings.entries {
        Some(_) => Some(load(&mut EbpfLoader::new())),
        None => kernel.with_loader(load),
    };
    let none = || FeatureError::NoTypes("kernel BTF already released".to_owned());
    loaded.ok_or_else(none)?
}

fn unless_ending(is_ending: &AtomicBool) -> Result<(), FeatureError> {
    if is_ending.load(Relaxed) { Err(FeatureError::Ending) } else { Ok(()) }
}

/// Bytes of a page, as programs take it.
static PAGE_BYTES: LazyLock<u64> = LazyLock::new(|| rustix::param::page_size() as u64);

/// Settings of every feature, and the sizes of the maps of this one.
fn set(loader: &mut EbpfLoader<'static>, feature: &'static Feature, settings: &'static Settings) {
    let filter = &settings.filter;
    loader
        .allow_unsupported_maps()
        .override_global("cpus", &settings.cpus, false)
        .override_global("page_bytes", &*PAGE_BYTES, false)
        .override_global("events_per_s", &settings.events_per_s, false)
        .override_global("min_latency_ns", &settings.min_latency_ns, false)
        .override_global("only_pid", &filter.pid, false)
        .override_global("only_cgroup", &filter.cgroup, false)
        .override_global("only_cgroup_level", &filter.cgroup_level, false)
        .override_global("only_command", &filter.command, false)
        .override_global("only_interface", &filter.interface, false);
    for (map, elements) in feature.per_cpu {
        loader.map_max_entries(map, elements.saturating_mul(settings.cpus));
    }
    for table in feature.tables {
        if let Origin::Events(map) = table.origin {
            let points = feature.hooks.iter().flat_map(|hook| hook.attach_points);
            let sampled = points.filter_map(|point| point.samples_per_s(settings.cpus)).max();
            let events_per_s = sampled.unwrap_or(settings.events_per_s);
            loader.map_max_entries(map, ring_bytes(table, events_per_s));
        }
    }
    for map in feature.sized {
        if let Some(entries) = settings.entries {
            loader.map_max_entries(map, entries);
        }
    }
}

/// Bytes of a ring that holds what the budget lets through in a second: that may come at once. They
/// are mapped twice, and those that are used count as memory of the recorder.
fn ring_bytes(table: &Table, events_per_s: u64) -> u32 {
    const LEAST: u64 = 16 << 10;
    const MOST: u64 = 16 << 20;
    let row_bytes = table.layout().key_bytes as u64 + 8;
    let bytes = events_per_s.saturating_mul(row_bytes).clamp(LEAST, MOST);
    u32::try_from(bytes.next_power_of_two()).unwrap_or(1 << 24)
}

/// What the variables of a feature are to be.
fn addresses_of(feature: &Feature) -> Result<Vec<(&'static str, u64)>, FeatureError> {
    if feature.symbols.is_empty() {
        return Ok(Vec::new());
    }
    let symbols: Vec<&str> = feature.symbols.iter().map(|(_, symbol)| *symbol).collect();
    let found = names::addresses_of(&symbols)
        .map_err(|source| FeatureError::Read { path: "/proc/kallsyms".into(), source })?;
    let address = |(variable, symbol): &(&'static str, &'static str)| match found.get(*symbol) {
        Some(address) => Ok((*variable, *address)),
        None => Err(FeatureError::NoPlace(format!("symbol {symbol} in /proc/kallsyms"))),
    };
    feature.symbols.iter().map(address).collect()
}
