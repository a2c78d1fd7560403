//! Attaches programs, at the first of several points that the kernel has.

use super::cpus::OnCpus;
use super::functions::OnFunctions;
use super::{KernelTypes, Settings};
use crate::drain;
use crate::error::FeatureError;
use crate::feature::{Attach, Hook};
use crate::object::{find, program_fd};
use crate::packets::Packets;
use crate::sys;
use aya::maps::{Map, MapData};
use aya::programs::perf_event::{PerfEventConfig, SoftwareEvent};
use aya::programs::{
    BtfTracePoint, FEntry, FExit, Iter, KProbe, PerfEvent, ProgramError, RawTracePoint, TracePoint,
};
use aya::{Btf, Ebpf};
use std::any::Any;
use std::os::fd::{AsFd, OwnedFd};

const NS_PER_S: u64 = 1_000_000_000;

/// What keeps a program attached.
pub enum Attachment {
    /// Links, each of which takes its program along when it is dropped.
    Links(#[expect(dead_code, reason = "held, and dropped in the end")] Vec<Box<dyn Any + Send>>),
    /// An iterator, by the name of its program.
    Iterator(&'static str, OwnedFd),
    /// Programs on network interfaces.
    Packets(Box<Packets>),
    /// A program that counts on each CPU.
    Cpus(OnCpus),
    /// Programs on functions of programs and libraries.
    Functions(OnFunctions),
}

/// A hook whose program is attached.
pub struct Attached {
    /// What keeps it.
    pub attachment: Attachment,
    /// The programs that were loaded for it.
    pub programs: Vec<&'static str>,
}

/// Attaches a program at the first point that works.
pub fn attach(
    object: &mut Ebpf,
    hook: &Hook,
    settings: &Settings,
    kernel: &KernelTypes,
) -> Result<Attached, FeatureError> {
    let Some(kernel) = kernel.btf() else {
        return Err(FeatureError::NoTypes("kernel BTF already released".to_owned()));
    };
    let mut whys: Vec<FeatureError> = Vec::new();
    for point in hook.attach_points {
        match attach_via(object, point, settings, kernel) {
            Ok(attachment) => {
                let programs = match *point {
                    Attach::With(_) => Vec::new(),
                    Attach::Packets(program, other) | Attach::Functions(program, other) => {
                        vec![program, other]
                    }
                    Attach::Call(_, entry, exit) => [entry].into_iter().chain(exit).collect(),
                    _ => vec![point.program()],
                };
                return Ok(Attached { attachment, programs });
            }
            Err(why @ FeatureError::NotPermitted(_)) if hook.attach_points.len() == 1 => {
                return Err(why);
            }
            Err(why) => whys.push(why),
        }
    }
    let is_permission = |why: &&FeatureError| matches!(why, FeatureError::NotPermitted(_));
    if !whys.is_empty() && whys.iter().filter(is_permission).count() == whys.len() {
        return Err(whys.swap_remove(0));
    }
    let texts: Vec<String> = whys.iter().map(ToString::to_string).collect();
    Err(match whys.len() {
        1 => whys.swap_remove(0),
        _ => FeatureError::Load(texts.join("; ")),
    })
}

fn attach_via(
    object: &mut Ebpf,
    point: &Attach,
    settings: &Settings,
    kernel: &Btf,
) -> Result<Attachment, FeatureError> {
    let program = point.program();
    let told = |error: ProgramError| of_place(point, error);
    match *point {
        Attach::Typed(_, tracepoint) => {
            let typed: &mut BtfTracePoint = find(object, program)?;
            typed.load(tracepoint, kernel).map_err(told)?;
            let link = typed.attach().map_err(told)?;
            attachment(typed.take_link(link).map_err(told)?)
        }
        Attach::Raw(_, tracepoint) => {
            let raw: &mut RawTracePoint = find(object, program)?;
            raw.load().map_err(told)?;
            let link = raw.attach(tracepoint).map_err(told)?;
            attachment(raw.take_link(link).map_err(told)?)
        }
        Attach::Trace(_, category, name) => {
            let trace: &mut TracePoint = find(object, program)?;
            trace.load().map_err(told)?;
            let link = trace.attach(category, name).map_err(told)?;
            attachment(trace.take_link(link).map_err(told)?)
        }
        Attach::Entry(_, function) => {
            let entry: &mut FEntry = find(object, program)?;
            entry.load(function, kernel).map_err(told)?;
            let link = entry.attach().map_err(told)?;
            attachment(entry.take_link(link).map_err(told)?)
        }
        Attach::Exit(_, function) => {
            let exit: &mut FExit = find(object, program)?;
            exit.load(function, kernel).map_err(told)?;
            let link = exit.attach().map_err(told)?;
            attachment(exit.take_link(link).map_err(told)?)
        }
        Attach::Probe(_, function) | Attach::ReturnProbe(_, function) => {
            let probe: &mut KProbe = find(object, program)?;
            probe.load().map_err(told)?;
            let link = probe.attach(function, 0).map_err(told)?;
            attachment(probe.take_link(link).map_err(told)?)
        }
        Attach::Hardware(_, event, period) => {
            on_cpus(object, point, PerfEventConfig::Hardware(event), period)
        }
        Attach::Software(_, event, period) => {
            on_cpus(object, point, PerfEventConfig::Software(event), period)
        }
        Attach::Clock(..) => {
            let rate_hz = point.samples_per_s(settings.cpus).unwrap_or(1);
            let period_ns = NS_PER_S * u64::from(settings.cpus) / rate_hz;
            on_cpus(object, point, PerfEventConfig::Software(SoftwareEvent::CpuClock), period_ns)
        }
        Attach::Iterator(_, what) => {
            Ok(Attachment::Iterator(program, link_iterator(object, point, what, None, kernel)?))
        }
        Attach::Elements(_, what, map) => Ok(Attachment::Iterator(
            program,
            link_iterator(object, point, what, Some(map), kernel)?,
        )),
        Attach::Once(_, what) => {
            let link = link_iterator(object, point, what, None, kernel)?;
            let done = drain::Iterator::new(link, 1).each(|_| {});
            done.map_err(|source| FeatureError::Read { path: program.into(), source })?;
            Ok(Attachment::Links(Vec::new()))
        }
        Attach::With(program) => {
            let is_there = object.program(program).is_some_and(|program| program.fd().is_ok());
            if is_there {
                Ok(Attachment::Links(Vec::new()))
            } else {
                Err(FeatureError::NoPlace(point.place()))
            }
        }
        Attach::Packets(ingress, egress) => {
            let only = settings.filter.interface;
            Ok(Attachment::Packets(Box::new(Packets::attach(object, ingress, egress, only)?)))
        }
        Attach::Functions(entry, exit) => {
            Ok(Attachment::Functions(OnFunctions::attach(object, entry, exit, settings)?))
        }
        Attach::Call(function, entry, exit) => {
            let programs = [Some(entry), exit];
            Ok(Attachment::Functions(OnFunctions::call(object, function, programs, settings)?))
        }
    }
}

/// Loads a program, and lets an event of every CPU call it each `period`.
fn on_cpus(
    object: &mut Ebpf,
    point: &Attach,
    event: PerfEventConfig,
    period: u64,
) -> Result<Attachment, FeatureError> {
    let program: &mut PerfEvent = find(object, point.program())?;
    program.load().map_err(|error| of_place(point, error))?;
    let mut called = OnCpus::new(point.program(), event, period);
    match called.follow(object)? {
        Some(why) => Err(of_place(point, why)),
        None => Ok(Attachment::Cpus(called)),
    }
}

/// Loads an iterator's program, and links it to what it walks through.
fn link_iterator(
    object: &mut Ebpf,
    point: &Attach,
    what: &str,
    map: Option<&str>,
    kernel: &Btf,
) -> Result<OwnedFd, FeatureError> {
    let iterator: &mut Iter = find(object, point.program())?;
    iterator.load(what, kernel).map_err(|error| of_place(point, error))?;
    let fd = program_fd(object, point.program())?;
    let map = map.map(|name| storage(object, name)).transpose()?;
    sys::link_iterator(fd.as_fd(), map.map(|map| map.fd().as_fd()))
        .map_err(|error| FeatureError::Load(format!("{}: {error}", point.place())))
}

/// What is kept with sockets.
fn storage<'a>(object: &'a Ebpf, name: &str) -> Result<&'a MapData, FeatureError> {
    match object.map(name) {
        Some(Map::SkStorage(map)) => Ok(map),
        _ => Err(FeatureError::Object(format!("there is no storage '{name}' in the object"))),
    }
}

/// One counter on every CPU that is online.
fn attachment(link: impl Any + Send) -> Result<Attachment, FeatureError> {
    Ok(Attachment::Links(vec![Box::new(link)]))
}

/// What the loader said when it attached a program there. That there is no such place is told in
/// different words for each kind of place.
fn of_place(point: &Attach, error: ProgramError) -> FeatureError {
    let is_missing = match &error {
        ProgramError::Btf(_) | ProgramError::TracePointError(_) => true,
        ProgramError::SyscallError(call) => call.io_error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    };
    if is_missing { FeatureError::NoPlace(point.place()) } else { of_program(point, error) }
}

fn of_program(point: &Attach, error: ProgramError) -> FeatureError {
    match FeatureError::from_program(point.program(), error) {
        FeatureError::NotPermitted(why)
            if matches!(point, Attach::Entry(..) | Attach::Exit(..)) =>
        {
            FeatureError::Load(format!("{} is refused: {why}", point.place()))
        }
        FeatureError::Load(text) => FeatureError::Load(format!("{}: {text}", point.place())),
        other => other,
    }
}
