//! What the configuration says, as the programs take it.

use crate::source::{Asked, Scope, SourceError};
use nodemon_recorder_ebpf::feature::{Feature, Filters};
use nodemon_recorder_ebpf::load::{Filter, LEVEL_UNKNOWN, Settings};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where the hierarchy of control groups of version 2 may be mounted: alone, or beside those of
/// version 1.
const UNIFIED: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The settings of a feature.
///
/// # Errors
/// When there is no such control group or interface, or the feature cannot tell what is to be left
/// out: its figures would be taken for those of what was asked for.
pub fn of(feature: &Feature, asked: &Asked) -> Result<Settings, SourceError> {
    if let Some(key) = unheeded(feature.filters, &asked.scope) {
        let what = format!("a filter `{key}` of {}", feature.name);
        let why = "its programs see whatever happens, and do not know whose it is".to_owned();
        return Err(SourceError::Unavailable { what, why });
    }
    let told = |why: String| SourceError::Unavailable { what: "what was asked for".into(), why };
    let mut settings = Settings::here().map_err(|error| told(error.to_string()))?;
    let Scope { events_per_s, entries, min_latency, pid, command, cgroup, interface } =
        &asked.scope;
    settings.entries = *entries;
    if let Some(events) = events_per_s {
        settings.events_per_s = (*events).into();
    }
    if let Some(latency) = min_latency {
        settings.min_latency_ns = latency.as_nanos() as u64;
    }
    let filter: &mut Filter = &mut settings.filter;
    filter.pid = pid.unwrap_or(0);
    if let Some(command) = command {
        let kept = command.len().min(filter.command.len() - 1);
        filter.command[..kept].copy_from_slice(&command.as_bytes()[..kept]);
    }
    if let Some(path) = cgroup {
        (filter.cgroup, filter.cgroup_level) = group(path).map_err(told)?;
    }
    if let Some(name) = interface {
        filter.interface = number_of_interface(name).map_err(told)?;
    }
    Ok(settings)
}

/// The first filter that is set and not heeded.
fn unheeded(filters: Filters, scope: &Scope) -> Option<&'static str> {
    let asked = [
        ("pid", scope.pid.is_some() && !filters.task),
        ("command", scope.command.is_some() && !filters.task),
        ("cgroup", scope.cgroup.is_some() && !filters.cgroup),
        ("interface", scope.interface.is_some() && !filters.interface),
    ];
    asked.iter().find(|(_, is_unheeded)| *is_unheeded).map(|(key, _)| *key)
}

/// The number of a control group, which is that of its directory, and how deep it is.
fn group(path: &Path) -> Result<(u64, u32), String> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let found = UNIFIED.iter().map(|root| Path::new(root).join(relative)).find_map(|directory| {
        let is_unified = directory.join("cgroup.procs").exists()
            && directory.join("cgroup.controllers").exists();
        is_unified.then(|| std::fs::metadata(&directory).ok()).flatten()
    });
    let found = found.ok_or_else(|| {
        format!("there is no control group {} of version 2 below {}", path.display(), UNIFIED[0])
    })?;
    let level = match is_first_cgroup_namespace() {
        true => u32::try_from(relative.components().count()).unwrap_or(LEVEL_UNKNOWN),
        false => LEVEL_UNKNOWN,
    };
    Ok((found.ino(), level))
}

/// Whether paths of control groups begin at the root of the hierarchy for this process.
fn is_first_cgroup_namespace() -> bool {
    /// `PROC_CGROUP_INIT_INO`, include/linux/proc_ns.h.
    const FIRST: u64 = 0xefff_fffb;
    std::fs::metadata("/proc/self/ns/cgroup").is_ok_and(|link| link.ino() == FIRST)
}

fn number_of_interface(name: &str) -> Result<u32, String> {
    let path = format!("/sys/class/net/{name}/ifindex");
    let text = std::fs::read_to_string(path).ok();
    let number = text.and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| format!("there is no network interface `{name}`"))
}
