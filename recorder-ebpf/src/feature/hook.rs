//! Where programs are attached in the kernel.

pub use aya::programs::perf_event::{HardwareEvent, SoftwareEvent};

/// One place where something is learnt. The first attach point that this kernel has is taken.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// Its attach points, best first.
    pub attach_points: &'static [Attach],
    /// Whether the feature is nothing without it.
    pub is_needed: bool,
}

/// Where and how to attach a program. The first word is the program's name in the object.
#[derive(Clone, Copy, Debug)]
pub enum Attach {
    /// A tracepoint with typed arguments (`tp_btf`): program, tracepoint.
    Typed(&'static str, &'static str),
    /// A raw tracepoint: program, tracepoint.
    Raw(&'static str, &'static str),
    /// A tracepoint of tracefs: program, category, name.
    Trace(&'static str, &'static str, &'static str),
    /// The entry of a function: program, function.
    Entry(&'static str, &'static str),
    /// The return from a function: program, function.
    Exit(&'static str, &'static str),
    /// A kprobe: program, function.
    Probe(&'static str, &'static str),
    /// A kretprobe: program, function.
    ReturnProbe(&'static str, &'static str),
    /// A counter of the hardware on every CPU: program, event, events between two runs.
    Hardware(&'static str, HardwareEvent, u64),
    /// What the kernel counts on every CPU: program, event, events between two runs.
    Software(&'static str, SoftwareEvent, u64),
    /// The clock of every CPU, whatever it runs: program, times a second, and those of all CPUs
    /// together at most.
    Clock(&'static str, u32, u32),
    /// An iterator, which runs when it is read: program, what it walks through.
    Iterator(&'static str, &'static str),
    /// An iterator over what a map holds: program, kind of map, the map's name in the object.
    Elements(&'static str, &'static str, &'static str),
    /// An iterator that is run once, when the feature starts, for what its program then knows of:
    /// program, what it walks through.
    Once(&'static str, &'static str),
    /// No place of its own: what this program does where another hook attaches it, before this one.
    With(&'static str),
    /// Packets of every interface: the programs for those that come and those that go.
    Packets(&'static str, &'static str),
    /// The functions of programs and libraries that the settings name: the programs for their
    /// beginnings and for their returns.
    Functions(&'static str, &'static str),
    /// A function of the process that the settings name: its name, the program for its beginning, and
    /// that for its return.
    Call(&'static str, &'static str, Option<&'static str>),
}

impl Hook {
    /// One without which the feature is nothing.
    pub const fn needed(attach_points: &'static [Attach]) -> Hook {
        Hook { attach_points, is_needed: true }
    }

    /// One without which some of the feature is missing.
    pub const fn wanted(attach_points: &'static [Attach]) -> Hook {
        Hook { attach_points, is_needed: false }
    }
}

impl Attach {
    /// The program that it attaches there.
    pub fn program(&self) -> &'static str {
        match self {
            Attach::Typed(program, _)
            | Attach::Raw(program, _)
            | Attach::Trace(program, ..)
            | Attach::Entry(program, _)
            | Attach::Exit(program, _)
            | Attach::Probe(program, _)
            | Attach::ReturnProbe(program, _)
            | Attach::Hardware(program, ..)
            | Attach::Software(program, ..)
            | Attach::Clock(program, ..)
            | Attach::Iterator(program, _)
            | Attach::Elements(program, ..)
            | Attach::Once(program, _)
            | Attach::With(program)
            | Attach::Packets(program, _)
            | Attach::Functions(program, _)
            | Attach::Call(_, program, _) => program,
        }
    }

    /// How often its program is called on `cpus` CPUs together, where that is known.
    pub fn samples_per_s(&self, cpus: u32) -> Option<u64> {
        match self {
            Attach::Clock(_, each_hz, all_hz) => {
                Some((u64::from(*each_hz) * u64::from(cpus)).clamp(1, u64::from(*all_hz)))
            }
            _ => None,
        }
    }

    /// The place, as people know it.
    pub fn place(&self) -> String {
        match self {
            Attach::Typed(_, name) | Attach::Raw(_, name) => format!("tracepoint {name}"),
            Attach::Trace(_, category, name) => format!("tracepoint {category}:{name}"),
            Attach::Entry(_, name) | Attach::Exit(_, name) => format!("function {name} (fentry)"),
            Attach::Probe(_, name) | Attach::ReturnProbe(_, name) => {
                format!("function {name} (kprobe)")
            }
            Attach::Hardware(..) => "hardware counters".to_owned(),
            Attach::Software(_, event, _) => format!("perf event {event:?}"),
            Attach::Clock(..) => "perf event cpu-clock".to_owned(),
            Attach::Iterator(_, what) | Attach::Elements(_, what, _) | Attach::Once(_, what) => {
                format!("iterator {what}")
            }
            Attach::With(program) => format!("program '{program}' that runs"),
            Attach::Packets(..) => "packets of interfaces".to_owned(),
            Attach::Functions(..) => "functions of programs".to_owned(),
            Attach::Call(function, ..) => format!("function {function} of a process"),
        }
    }
}
