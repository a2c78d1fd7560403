//! Hangs programs into the kernel, in the first of several ways that it has.

use super::cpus::OnCpus;
use super::{KernelTypes, Settings};
use crate::drain;
use crate::error::FeatureError;
use crate::feature::{Attach, Hook};
use crate::object::{find, program_fd};
use crate::packets::Packets;
use crate::sys;
use aya::maps::{Map, MapData};
use aya::programs::{
    BtfTracePoint, FEntry, FExit, Iter, KProbe, PerfEvent, ProgramError, RawTracePoint, TracePoint,
};
use aya::{Btf, Ebpf};
use std::any::Any;
use std::os::fd::{AsFd, OwnedFd};

/// What keeps a program where it hangs.
pub enum Held {
    /// Links, each of which takes its program along when it is dropped.
    Links(#[expect(dead_code, reason = "held, and dropped in the end")] Vec<Box<dyn Any + Send>>),
    /// An iterator, by the name of its program.
    Iterator(&'static str, OwnedFd),
    /// Programs on network interfaces.
    Packets(Box<Packets>),
    /// A program that counts on each CPU.
    Cpus(OnCpus),
}

/// A hook that hangs.
pub struct Hung {
    /// What keeps it.
    pub held: Held,
    /// The programs that were loaded for it.
    pub programs: Vec<&'static str>,
}

/// Hangs a program up in the first way that works.
pub fn hang(
    object: &mut Ebpf,
    hook: &Hook,
    settings: &Settings,
    kernel: &KernelTypes,
) -> Result<Hung, FeatureError> {
    let Some(kernel) = kernel.btf() else {
        return Err(FeatureError::NoTypes("kernel BTF already released".to_owned()));
    };
    let mut whys: Vec<FeatureError> = Vec::new();
    for way in hook.ways {
        match hang_so(object, way, settings, kernel) {
            Ok(held) => {
                let programs = match *way {
                    Attach::With(_) => Vec::new(),
                    Attach::Packets(program, other) => vec![program, other],
                    _ => vec![way.program()],
                };
                return Ok(Hung { held, programs });
            }
            Err(why @ FeatureError::NotPermitted(_)) if hook.ways.len() == 1 => return Err(why),
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

fn hang_so(
    object: &mut Ebpf,
    way: &Attach,
    settings: &Settings,
    kernel: &Btf,
) -> Result<Held, FeatureError> {
    let program = way.program();
    let told = |error: ProgramError| of_place(way, error);
    match *way {
        Attach::Typed(_, tracepoint) => {
            let typed: &mut BtfTracePoint = find(object, program)?;
            typed.load(tracepoint, kernel).map_err(told)?;
            let link = typed.attach().map_err(told)?;
            held(typed.take_link(link).map_err(told)?)
        }
        Attach::Raw(_, tracepoint) => {
            let raw: &mut RawTracePoint = find(object, program)?;
            raw.load().map_err(told)?;
            let link = raw.attach(tracepoint).map_err(told)?;
            held(raw.take_link(link).map_err(told)?)
        }
        Attach::Trace(_, category, name) => {
            let trace: &mut TracePoint = find(object, program)?;
            trace.load().map_err(told)?;
            let link = trace.attach(category, name).map_err(told)?;
            held(trace.take_link(link).map_err(told)?)
        }
        Attach::Entry(_, function) => {
            let entry: &mut FEntry = find(object, program)?;
            entry.load(function, kernel).map_err(told)?;
            let link = entry.attach().map_err(told)?;
            held(entry.take_link(link).map_err(told)?)
        }
        Attach::Exit(_, function) => {
            let exit: &mut FExit = find(object, program)?;
            exit.load(function, kernel).map_err(told)?;
            let link = exit.attach().map_err(told)?;
            held(exit.take_link(link).map_err(told)?)
        }
        Attach::Probe(_, function) | Attach::ReturnProbe(_, function) => {
            let probe: &mut KProbe = find(object, program)?;
            probe.load().map_err(told)?;
            let link = probe.attach(function, 0).map_err(told)?;
            held(probe.take_link(link).map_err(told)?)
        }
        Attach::Hardware(_, event, period) => {
            let counter: &mut PerfEvent = find(object, program)?;
            counter.load().map_err(told)?;
            let mut counted = OnCpus::new(program, event, period)?;
            match counted.follow(object)? {
                Some(why) => Err(told(why)),
                None => Ok(Held::Cpus(counted)),
            }
        }
        Attach::Iterator(_, what) => {
            Ok(Held::Iterator(program, link_iterator(object, way, what, None, kernel)?))
        }
        Attach::Elements(_, what, map) => {
            Ok(Held::Iterator(program, link_iterator(object, way, what, Some(map), kernel)?))
        }
        Attach::Once(_, what) => {
            let link = link_iterator(object, way, what, None, kernel)?;
            let done = drain::Iterator::new(link, 1).each(|_| {});
            done.map_err(|source| FeatureError::Read { path: program.into(), source })?;
            Ok(Held::Links(Vec::new()))
        }
        Attach::With(program) => {
            let is_there = object.program(program).is_some_and(|program| program.fd().is_ok());
            if is_there {
                Ok(Held::Links(Vec::new()))
            } else {
                Err(FeatureError::NoPlace(way.place()))
            }
        }
        Attach::Packets(ingress, egress) => {
            let only = settings.filter.interface;
            Ok(Held::Packets(Box::new(Packets::hang(object, ingress, egress, only)?)))
        }
    }
}

/// Loads an iterator's program, and links it to what it walks through.
fn link_iterator(
    object: &mut Ebpf,
    way: &Attach,
    what: &str,
    map: Option<&str>,
    kernel: &Btf,
) -> Result<OwnedFd, FeatureError> {
    let iterator: &mut Iter = find(object, way.program())?;
    iterator.load(what, kernel).map_err(|error| of_place(way, error))?;
    let fd = program_fd(object, way.program())?;
    let map = map.map(|name| storage(object, name)).transpose()?;
    sys::link_iterator(fd.as_fd(), map.map(|map| map.fd().as_fd()))
        .map_err(|error| FeatureError::Load(format!("{}: {error}", way.place())))
}

/// What is kept with sockets.
fn storage<'a>(object: &'a Ebpf, name: &str) -> Result<&'a MapData, FeatureError> {
    match object.map(name) {
        Some(Map::SkStorage(map)) => Ok(map),
        _ => Err(FeatureError::Object(format!("there is no storage '{name}' in the object"))),
    }
}

/// One counter on every CPU that is online.
fn held(link: impl Any + Send) -> Result<Held, FeatureError> {
    Ok(Held::Links(vec![Box::new(link)]))
}

/// What the loader said when it hung a program there. That there is no such place is told in
/// different ways for each kind of place.
fn of_place(way: &Attach, error: ProgramError) -> FeatureError {
    let is_missing = match &error {
        ProgramError::Btf(_) | ProgramError::TracePointError(_) => true,
        ProgramError::SyscallError(call) => call.io_error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    };
    if is_missing { FeatureError::NoPlace(way.place()) } else { of_program(way, error) }
}

fn of_program(way: &Attach, error: ProgramError) -> FeatureError {
    match FeatureError::of_program(way.program(), error) {
        FeatureError::NotPermitted(why) if matches!(way, Attach::Entry(..) | Attach::Exit(..)) => {
            FeatureError::Load(format!("{} is refused: {why}", way.place()))
        }
        FeatureError::Load(text) => FeatureError::Load(format!("{}: {text}", way.place())),
        other => other,
    }
}
