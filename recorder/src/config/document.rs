//! The documented default configuration, as `nodemon-recorder config` prints it.

use super::catalogue::Catalogue;
use super::duration::exact_duration;
use std::fmt::Write;

/// What is the same everywhere.
const GENERAL: &str = include_str!("default.toml");

/// The keys of a source that the kernel may feed.
const DRAINS: &str = "\
# What samples: \"module\" (nodemon.ko), \"ebpf\" (a timer in the kernel) or \"proc\". Without this
# key the best that there is, in this order; from 100ms on /proc.
# For example: feed = \"ebpf\"
# How often to take over what the kernel has sampled: without this key every 250ms, or more often
# where its ring is small. For example: drain = \"100ms\"
";

/// The configuration with every key at its default, commented out. A comment is `# ` and words, a
/// key that can be uncommented is `#` and the key.
pub fn document(catalogue: &Catalogue) -> String {
    let mut text = GENERAL.to_owned();
    for entry in &catalogue.entries {
        let descriptor = entry.descriptor;
        let tables = entry.table_names().join(", ");
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "\n# {} -> {tables}\n#[source.{}]\n#interval = \"{}\"\n#enabled = {}\n",
            descriptor.reads,
            descriptor.name,
            exact_duration(descriptor.default_interval),
            descriptor.default_on,
        );
        if descriptor.drains {
            text.push_str(DRAINS);
        }
    }
    text
}
