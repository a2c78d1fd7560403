//! The documented default configuration, as `nodemon-recorder config` prints it.

use super::catalogue::Catalogue;
use super::duration::exact_duration;
use std::fmt::Write;

/// What is the same everywhere.
const GENERAL: &str = include_str!("default.toml");

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
    }
    text
}
