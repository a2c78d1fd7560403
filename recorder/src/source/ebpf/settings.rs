//! What the configuration says, as the programs take it.

use crate::source::{Asked, Scope, SourceError};
use nodemon_recorder_ebpf::load::{Filter, Settings};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where the hierarchy of control groups of version 2 may be mounted: alone, or beside those of
/// version 1.
const UNIFIED: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The settings of a source.
///
/// # Errors
/// When there is no such control group or interface.
pub fn of(asked: &Asked) -> Result<Settings, SourceError> {
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
    Ok((found.ino(), u32::try_from(relative.components().count()).unwrap_or(u32::MAX)))
}

fn number_of_interface(name: &str) -> Result<u32, String> {
    let path = format!("/sys/class/net/{name}/ifindex");
    let text = std::fs::read_to_string(path).ok();
    let number = text.and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| format!("there is no network interface `{name}`"))
}
