//! What the configuration says, as the programs take it.

use super::probed::Functions;
use super::resolved_filter::ResolvedFilter;
use crate::source::{Asked, Filters, SourceError};
use nodemon_formats::narrow::duration_ns;
use nodemon_recorder_ebpf::feature::Feature;
use nodemon_recorder_ebpf::load::{Filter, Settings};

/// The settings of a feature.
///
/// # Errors
/// When there is no such control group or interface yet, or the feature cannot tell what is to be
/// left out: its figures would be taken for those of what was asked for.
pub fn for_feature(
    feature: &Feature,
    asked: &Asked,
    functions: &Functions,
) -> Result<Settings, SourceError> {
    if let Some(key) = unsupported(feature, &asked.filters) {
        let what = format!("a filter `{key}` of {}", feature.name);
        let why = "its programs cannot tell which task or interface an event belongs to".to_owned();
        tracing::warn!(
            "source {} is off: it does not support the filter `{key}`: {why}",
            feature.name
        );
        return Err(SourceError::Unavailable { what, why });
    }
    let told = |why: String| SourceError::Unavailable { what: "what was asked for".into(), why };
    let mut settings = Settings::here().map_err(|error| told(error.to_string()))?;
    let resolved = ResolvedFilter::at(&asked.filters)?;
    settings.functions = functions.found();
    // Control group, interface and functions are what it is aimed at.
    let Filters { events_per_s, entries, min_latency, pid, command, .. } = &asked.filters;
    settings.entries = *entries;
    settings.events_per_s = events_per_s.map_or(feature.events_per_s, u64::from);
    if let Some(latency) = min_latency {
        settings.min_latency_ns = duration_ns(*latency);
    }
    let filter: &mut Filter = &mut settings.filter;
    filter.pid = pid.unwrap_or(0);
    if let Some(command) = command {
        let kept = command.len().min(filter.command.len() - 1);
        filter.command[..kept].copy_from_slice(&command.as_bytes()[..kept]);
    }
    filter.cgroup = resolved.cgroup;
    filter.cgroup_level = resolved.cgroup_level;
    filter.interface = resolved.interface;
    Ok(settings)
}

/// The first filter that is set and not supported.
fn unsupported(feature: &Feature, filters: &Filters) -> Option<&'static str> {
    let supported = feature.filters;
    let asked = [
        ("pid", filters.pid.is_some() && !supported.task),
        ("command", filters.command.is_some() && !supported.task),
        ("cgroup", filters.cgroup.is_some() && !supported.cgroup),
        ("interface", filters.interface.is_some() && !supported.interface),
        ("min_age", filters.min_age.is_some() && feature.awaited.is_none()),
        ("functions", filters.functions.is_some() && !feature.looks_at_functions()),
    ];
    asked.iter().find(|(_, is_unsupported)| *is_unsupported).map(|(key, _)| *key)
}
