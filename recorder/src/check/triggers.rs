//! Every rule: whether what it looks at is recorded, and what it raises.

use super::{Finding, Verdict};
use crate::config::{Catalogue, Config, PlannedSource};
use crate::trigger::{Binding, Rule};

/// How each rule does, where the sources do as `sources` says.
pub fn findings(config: &Config, catalogue: &Catalogue, sources: &[Finding]) -> Vec<Finding> {
    config.triggers.iter().map(|rule| finding(rule, config, catalogue, sources)).collect()
}

fn finding(rule: &Rule, config: &Config, catalogue: &Catalogue, sources: &[Finding]) -> Finding {
    let is_in_vain = |name: &str| {
        let found = sources.iter().find(|finding| finding.subject == name);
        found.is_none_or(|finding| finding.verdict == Verdict::No)
    };
    let has = |plan: &&PlannedSource| {
        plan.tables.iter().any(|(schema, is_kept)| schema.name == rule.table && *is_kept)
    };
    let plan = config.sources.iter().find(has);
    let tables = || catalogue.entries.iter().flat_map(|entry| &entry.tables);
    let schema = tables().find(|table| table.name == rule.table);
    let binding = schema.map(|schema| Binding::new(rule, schema));
    let unit = binding.as_ref().and_then(|binding| Some(binding.as_ref().ok()?.unit.clone()));
    let misfit = binding.and_then(Result::err);
    let why = match (plan, misfit) {
        (None, _) => Some(format!("table {} is not recorded", rule.table)),
        (Some(plan), _) if is_in_vain(plan.descriptor.name) => {
            Some(format!("table {} cannot be recorded here", rule.table))
        }
        (Some(_), Some(misfit)) => Some(misfit.to_string()),
        (Some(_), None) => None,
    };
    let runs = |name: &str| {
        let plans = config.sources.iter().chain(&config.on_demand);
        plans.into_iter().any(|plan| plan.descriptor.name == name)
    };
    let is_lost = |name: &&String| !runs(name) || is_in_vain(name);
    let lost: Vec<&str> = rule.raises.iter().filter(is_lost).map(String::as_str).collect();
    let verdict = match (&why, lost.is_empty()) {
        (Some(_), _) => Verdict::No,
        (None, true) => Verdict::Yes,
        (None, false) => Verdict::Partly,
    };
    let mut notes: Vec<String> = why.into_iter().collect();
    if !lost.is_empty() {
        notes.push(format!("what it raises is switched off, or not there: {}", lost.join(", ")));
    }
    Finding {
        subject: rule.name.clone(),
        verdict,
        what: rule.told(&unit.unwrap_or_default()),
        notes,
    }
}
