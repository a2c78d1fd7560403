//! Which known name somebody may have meant.

/// How alike two names must be, between 0 and 1, for one to be suggested for the other.
const ALIKE: f64 = 0.6;
/// How alike a name is at least that begins with all of what was given; of several the shortest is.
const PREFIX: f64 = 0.8;
/// Fewer letters than these begin too many names.
const PREFIX_CHARS: usize = 3;

/// The name among `known` that is most like `given`, if one is alike enough to be meant. Upper and
/// lower case are one.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let alike = known.into_iter().map(|name| (similarity(&given, &name.to_lowercase()), name));
    let (similarity, name) = alike.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (similarity >= ALIKE).then_some(name)
}

fn similarity(given: &str, name: &str) -> f64 {
    let is_prefix = given.chars().count() >= PREFIX_CHARS && name.starts_with(given);
    let similarity = strsim::normalized_damerau_levenshtein(given, name);
    if is_prefix { PREFIX + (1.0 - PREFIX) * similarity } else { similarity }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_name_and_noise_finds_none() {
        let known = [
            "cpu",
            "memory",
            "softirq",
            "rss_bytes",
            "pressure",
            "directory",
            "ring_size",
            "tiers",
            "stat",
            "stack_wait",
        ];
        for (given, meant) in [
            ("cpus", Some("cpu")),
            ("memroy", Some("memory")),
            ("soft", Some("softirq")),
            ("RSS_byte", Some("rss_bytes")),
            ("ringsize", Some("ring_size")),
            ("ring-size", Some("ring_size")),
            ("Directroy", Some("directory")),
            ("tier", Some("tiers")),
            ("sta", Some("stat")),
            ("xylophone", None),
            ("compression_level", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known), meant, "{given}");
        }
    }
}
