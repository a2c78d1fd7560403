//! The documented default configuration, as `nodemon-recorder config` prints it.

use super::catalogue::Catalogue;
use crate::source::SourceKind;
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
    text
}
