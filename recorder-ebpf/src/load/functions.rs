//! Programs on functions of programs and libraries: at their beginnings, and where they return.

use super::{Function, Settings};
use crate::error::FeatureError;
use crate::object::find;
use aya::Ebpf;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeScope};
use aya::programs::{ProgramError, UProbe};
use std::any::Any;
use std::io::ErrorKind;
use std::num::NonZeroU32;

/// What keeps programs on functions.
pub struct OnFunctions {
    /// Dropped in the end, and with each its program.
    _links: Vec<Box<dyn Any + Send>>,
    /// Why some are not looked at, a sentence each.
    pub missing: Vec<String>,
}

impl OnFunctions {
    /// Puts `entry` and `exit` on each function that the settings name. The programs are told its
    /// number among these as their cookie. Of a call whose return is seen the beginning was seen too.
    ///
    /// # Errors
    /// When no function is named, or there are programs on none of them.
    pub fn attach(
        object: &mut Ebpf,
        entry: &'static str,
        exit: &'static str,
        settings: &Settings,
    ) -> Result<OnFunctions, FeatureError> {
        if settings.functions.is_empty() {
            return Err(FeatureError::Unasked("functions = [\"libc.so.6:getaddrinfo\"]"));
        }
        OnFunctions::put_all(object, [Some(entry), Some(exit)], settings, |_| true)
    }

    /// Puts programs on one function of the process that is looked at, in each of the files where it
    /// has it: at its returns first, so that whoever begins has an end.
    ///
    /// # Errors
    /// When the process has no such function, or there are programs on none of them.
    pub fn call(
        object: &mut Ebpf,
        function: &str,
        [entry, exit]: [Option<&'static str>; 2],
        settings: &Settings,
    ) -> Result<OnFunctions, FeatureError> {
        if settings.filter.pid == 0 {
            return Err(FeatureError::Unasked("pid = 4711"));
        }
        let is_it = |of: &Function| of.symbol == function;
        if !settings.functions.iter().any(is_it) {
            return Err(FeatureError::Load(format!("the process has no function {function}")));
        }
        OnFunctions::put_all(object, [exit, entry], settings, is_it)
    }

    fn put_all(
        object: &mut Ebpf,
        programs: [Option<&'static str>; 2],
        settings: &Settings,
        is_wanted: impl Fn(&Function) -> bool,
    ) -> Result<OnFunctions, FeatureError> {
        let scope = match NonZeroU32::new(settings.filter.pid) {
            Some(pid) => UProbeScope::OneProcess(pid),
            None => UProbeScope::AllProcesses,
        };
        let programs = || programs.into_iter().flatten();
        for program in programs() {
            let probe: &mut UProbe = find(object, program)?;
            // It may be on another function already.
            if probe.fd().is_err() {
                probe.load().map_err(|error| of_kernel(program, error))?;
            }
        }
        let (mut links, mut whys) = (Vec::new(), Vec::new());
        for (number, function) in (0..).zip(&settings.functions) {
            if !is_wanted(function) {
                continue;
            }
            let put = |program| put(object, program, function, number, scope);
            match programs().map(put).collect::<Result<Vec<_>, _>>() {
                Ok(both) => links.extend(both),
                Err(why) => whys.push(why),
            }
        }
        if links.is_empty() {
            return Err(
                match whys.iter().any(|why| matches!(why, FeatureError::NotPermitted(_))) {
                    true => whys.swap_remove(0),
                    false => FeatureError::Load(sentences(&whys).join("; ")),
                },
            );
        }
        Ok(OnFunctions { _links: links, missing: sentences(&whys) })
    }
}

fn sentences(whys: &[FeatureError]) -> Vec<String> {
    whys.iter().map(ToString::to_string).collect()
}

fn put(
    object: &mut Ebpf,
    program: &'static str,
    function: &Function,
    number: u64,
    scope: UProbeScope,
) -> Result<Box<dyn Any + Send>, FeatureError> {
    let Function { name, path, offset, .. } = function;
    let told = |error: ProgramError| match FeatureError::from_program(program, error) {
        FeatureError::Load(text) => FeatureError::Load(format!("{name}: {text}")),
        other => other,
    };
    let location = UProbeAttachLocation::AbsoluteOffset(*offset);
    let point = UProbeAttachPoint { location, cookie: Some(number) };
    let probe: &mut UProbe = find(object, program)?;
    let link = probe.attach(point, path, scope).map_err(told)?;
    Ok(Box::new(probe.take_link(link).map_err(told)?))
}

/// What the kernel said to a program. One that does not know a function that programs call says that
/// the argument is invalid.
fn of_kernel(program: &'static str, error: ProgramError) -> FeatureError {
    match FeatureError::from_program(program, error) {
        FeatureError::Refused { source, log, .. }
            if source.kind() == ErrorKind::InvalidInput && log.contains("func") =>
        {
            FeatureError::NoPlace("uprobes that know their function (5.15 has them)".to_owned())
        }
        other => other,
    }
}
