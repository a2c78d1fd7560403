//! Loads the object of `bpf/timer.bpf.c` and runs its programs.

use super::host::{self, Distances};
use super::{TimerError, TimerOptions, TimerRing};
use aya::maps::{Array, Map, MapData};
use aya::programs::{RawTracePoint, SchedClassifier};
use aya::{Ebpf, EbpfLoader, RawTracePointRunOptions, TestRun, TestRunOptions};
use std::io;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/timer.bpf.o"));

/// The least that the kernel takes as a packet, which `start` is handed and does not look at.
const PACKET: [u8; 64] = [0; 64];

/// What the program keeps of a CPU: `struct cpu_state`.
type CpuState = [u64; 6];

/// The programs in the kernel, which do nothing yet.
pub(super) struct Loaded {
    programs: Ebpf,
}

impl Loaded {
    /// Loads them, made for this machine.
    pub fn load(options: &TimerOptions) -> Result<Loaded, TimerError> {
        Loaded::load_for(options, host::cpu_ids()?)
    }

    fn load_for(options: &TimerOptions, cpus: u32) -> Result<Loaded, TimerError> {
        let distances = host::distances()?;
        let mut programs = create(options, &distances, cpus)?;
        let program: &mut SchedClassifier = find(&mut programs, "start")?;
        program.load().map_err(|error| TimerError::from_program("start", error))?;
        let program: &mut RawTracePoint = find(&mut programs, "learn")?;
        program.load().map_err(|error| TimerError::from_program("learn", error))?;
        // Last, because an older kernel lacks both, and its age says more.
        if distances.to_cpustat == 0 {
            return Err(TimerError::Missing("'kernel_cpustat' among the per-CPU data of its BTF"));
        }
        Ok(Loaded { programs })
    }

    /// Starts the timer, on `cpu` if that is given.
    pub fn start(mut self, cpu: Option<u32>) -> Result<TimerRing, TimerError> {
        learn(&mut self.programs)?;
        let program: &mut SchedClassifier = find(&mut self.programs, "start")?;
        match cpu {
            Some(cpu) => host::on_cpu(cpu, || run(program)),
            None => run(program),
        }?;
        let ring = take_map(&mut self.programs, "ring")?;
        let info = ring.info()?;
        let len_bytes = u64::from(info.max_entries()) * u64::from(info.value_size());
        let len_bytes = usize::try_from(len_bytes).map_err(|_| too_large())?;
        Ok(TimerRing { programs: self.programs, ring, len_bytes })
    }
}

/// Creates the maps and puts in what is known of this machine.
fn create(options: &TimerOptions, distances: &Distances, cpus: u32) -> Result<Ebpf, TimerError> {
    // The header, and in each slot one element of its own beside those of the CPUs.
    let elements = options.slots.checked_mul(cpus + 1).and_then(|slots| slots.checked_add(1));
    let elements = elements.ok_or_else(too_large)?;
    let (tick_ns, page_bytes) = (host::tick_ns(), host::page_bytes());
    let pinned = u32::from(options.cpu.is_some());
    // Reads the kernel's BTF, which is dropped with the loader.
    let mut loader = EbpfLoader::new();
    loader
        .map_max_entries("ring", elements)
        .map_max_entries("cpu_states", cpus)
        .override_global("interval_ns", &options.interval_ns, true)
        .override_global("slots", &options.slots, true)
        .override_global("cpus", &cpus, true)
        .override_global("pinned", &pinned, true)
        .override_global("tick_ns", &tick_ns, true)
        .override_global("page_bytes", &page_bytes, true)
        .override_global("to_cpustat", &distances.to_cpustat, true)
        .override_global("to_kstat", &distances.to_kstat, true)
        .override_global("to_tick_sched", &distances.to_tick_sched, true)
        .override_global("to_hotplug", &distances.to_hotplug, true);
    Ok(loader.load(OBJECT)?)
}

/// Finds the runqueues of CPUs that are not known yet. In most kernels one run finds all; where it
/// does not, each CPU that is online runs the program once.
pub(super) fn learn(programs: &mut Ebpf) -> Result<(), TimerError> {
    learn_on(programs, None)?;
    for cpu in unknown(programs)? {
        let ran = learn_on(programs, Some(cpu));
        // Unless it has gone offline since, in which case it is flagged so.
        if unknown(programs)?.contains(&cpu) {
            ran?;
            return Err(TimerError::Missing(
                "way from a task to its runqueue that is known (CONFIG_FAIR_GROUP_SCHED)",
            ));
        }
    }
    Ok(())
}

/// The CPUs that are online and in the ring, and whose runqueue is not known.
fn unknown(programs: &Ebpf) -> Result<Vec<u32>, TimerError> {
    let map = programs.map("cpu_states").ok_or_else(|| not_in_object("cpu_states"))?;
    let states: Array<&MapData, CpuState> = Array::try_from(map)?;
    let mut unknown = Vec::new();
    for cpu in host::online_cpus()? {
        if cpu < states.len() {
            let [runqueue, ..] = states.get(&cpu, 0)?;
            if runqueue == 0 {
                unknown.push(cpu);
            }
        }
    }
    Ok(unknown)
}

fn learn_on(programs: &mut Ebpf, cpu: Option<u32>) -> Result<(), TimerError> {
    let program: &mut RawTracePoint = find(programs, "learn")?;
    let ran = program.test_run(RawTracePointRunOptions { args: [0; 12], cpu });
    ran.map(drop).map_err(|error| TimerError::from_program("learn", error))
}

/// Has the timer started by the CPU on which this runs.
fn run(program: &SchedClassifier) -> Result<(), TimerError> {
    let options = TestRunOptions { data_in: Some(&PACKET), ..TestRunOptions::new() };
    let done =
        program.test_run(options).map_err(|error| TimerError::from_program("start", error))?;
    match i32::try_from(done.return_value) {
        Ok(0) => Ok(()),
        Ok(errno) => Err(TimerError::Start(io::Error::from_raw_os_error(errno))),
        Err(_) => Err(TimerError::Start(io::ErrorKind::Other.into())),
    }
}

fn find<'a, P>(programs: &'a mut Ebpf, name: &'static str) -> Result<&'a mut P, TimerError>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program>,
{
    let program = programs.program_mut(name).and_then(|program| program.try_into().ok());
    program.ok_or_else(|| not_in_object(name))
}

fn take_map(programs: &mut Ebpf, name: &'static str) -> Result<MapData, TimerError> {
    match programs.take_map(name) {
        Some(Map::Array(map)) => Ok(map),
        _ => Err(not_in_object(name)),
    }
}

fn not_in_object(name: &str) -> TimerError {
    TimerError::Load(format!("there is no '{name}' of its kind in the embedded object"))
}

fn too_large() -> TimerError {
    TimerError::Setting("so many slots for so many CPUs do not fit into one ring".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Loaded, TimerError, TimerOptions};
    use nodemon_skip::skip;

    /// The most CPUs that a kernel can be built for, which the verifier walks through.
    #[test]
    fn the_kernel_takes_the_programs_for_any_number_of_cpus() {
        let options = TimerOptions { interval_ns: 1_000_000, slots: 2, cpu: None };
        for cpus in [1, 64, 1024, 8192] {
            match Loaded::load_for(&options, cpus) {
                Ok(_) => {}
                Err(why @ (TimerError::NotPermitted(_) | TimerError::NoTimers)) => {
                    skip!("{why}");
                }
                Err(error) => panic!("{cpus} CPUs: {error}"),
            }
        }
    }
}
