//! The documented default configuration, as `nodemon-recorder config` prints it.

use super::catalogue::Catalogue;
use crate::source::SourceKind;
use crate::trigger::{Rule, Side, built_in};
use nodemon_formats::units::exact_duration;
use std::fmt::Write;

/// What is the same everywhere.
const GENERAL: &str = include_str!("default.toml");

/// The keys that every source of eBPF programs has.
const EBPF: &str = "
# What follows are eBPF programs. Each of these sources has these keys, too:
# Rate limit: events a second, from 1 to 10000000; the rest is counted, and is a gap, and so is what
# is beyond 16 MiB of rows (some 50000) in a quarter of a second. For example:
# events_per_s = 1000
# How much its maps hold, where that grows with what happens, from 1 to 1048576: the kernel takes
# the memory for it at the start. For example: entries = 8192
# Shorter events are not recorded. For example: min_latency = \"1ms\"
# A source that does not support one of the following filters stays off where it is set;
# `nodemon-recorder tables` says which do.
# One process and no other, programs of one name, a control group (version 2) with those below it,
# one network interface; what is not there yet is waited for. For example: pid = 4711,
# command = \"postgres\", cgroup = \"/system.slice\", interface = \"eth0\"
# What is freed before it is so old is not recorded, of stack_alloc. For example: min_age = \"30s\"
# Functions of programs and libraries, of function_latency, as file and name or address, with pid as
# the process has them mapped. For example:
# functions = [\"libc.so.6:getaddrinfo\", \"/usr/bin/x:function\", \"/usr/bin/x:0x1234\"]
# An exception of C++, or a panic of Rust, that leaves such a function or passes it ends the program:
# who looks for what catches it finds the kernel, which waits for the return. So functions of files
# that can throw are refused, until it is said that these never do: throws = \"never\"
";

/// What is said before the rules.
const TRIGGERS: &str = "
# Triggers: rules that are looked at while it is recorded; docs/triggers.md says why each is as it
# is. A rule fires when the column of a row of its table (of the rows that `where` names) is above, or
# below, a value for so long. Counters are taken as rates a second, those of nanoseconds as percent of
# the time; without a column the rows are counted. `per_cpu` multiplies the value by the number of
# CPUs; `rise` is how much more than the mean of the last two minutes it must be as well. Then a row of
# the table trigger tells it, and the sources that it raises are sampled every 100ms for 60s, or are
# opened for that time; it does not fire again before its cooldown is over. enabled = false switches
# one off, without = [\"trigger\"] all. A rule of your own has at least table, column and above (or
# below); unless it says otherwise for is 0s, cooldown 5m, and raises [\"thread_active\"].

";

/// The configuration with every key at its default, commented out. A comment is `# ` and words, a
/// key that can be uncommented is `#` and the key.
pub fn document(catalogue: &Catalogue) -> String {
    let (mut text, mut has_ebpf) = (GENERAL.to_owned(), false);
    for entry in &catalogue.entries {
        let descriptor = entry.descriptor;
        let tables = entry.table_names().join(", ");
        if descriptor.kind.is_ebpf() && !std::mem::replace(&mut has_ebpf, true) {
            text.push_str(EBPF);
        }
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "\n# {} -> {tables}\n#[source.{}]\n#interval = \"{}\"\n#enabled = {}\n",
            descriptor.reads,
            descriptor.name,
            exact_duration(descriptor.default_interval),
            descriptor.default_on,
        );
        text.push_str(match descriptor.kind {
            SourceKind::KernelSampled { keys } => keys,
            SourceKind::Polled | SourceKind::Ebpf { .. } => "",
        });
    }
    text.push_str(TRIGGERS);
    built_in().iter().for_each(|rule| put_rule(rule, &mut text));
    text
}

/// A rule as a section, every key of it commented out.
fn put_rule(rule: &Rule, text: &mut String) {
    let mut put = |line: String| {
        text.push('#');
        text.push_str(&line);
        text.push('\n');
    };
    put(format!("[trigger.{}]", rule.name));
    put(format!("table = {:?}", rule.table));
    if let Some(column) = &rule.column {
        put(format!("column = {column:?}"));
    }
    let filter = |(column, text): &(String, String)| format!("{column} = {text:?}");
    let filters: Vec<String> = rule.filters.iter().map(filter).collect();
    if !filters.is_empty() {
        put(format!("where = {{ {} }}", filters.join(", ")));
    }
    let side = if rule.side == Side::Above { "above" } else { "below" };
    put(format!("{side} = {}", rule.threshold));
    if rule.per_cpu {
        put("per_cpu = true".to_owned());
    }
    if let Some(rise) = rule.rise {
        put(format!("rise = {rise}"));
    }
    for (key, time) in [("for", rule.holds), ("cooldown", rule.cooldown)] {
        put(format!("{key} = {:?}", exact_duration(time)));
    }
    put(format!("raises = {:?}", rule.raises));
    for (key, time) in [("every", rule.every), ("lasts", rule.lasts)] {
        put(format!("{key} = {:?}", exact_duration(time)));
    }
    text.push('\n');
}
