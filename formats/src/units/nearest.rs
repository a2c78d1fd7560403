//! Which known name somebody may have meant.

/// The name among `known` that is most like `given`, if one is alike enough to be worth a
/// suggestion: at most a third of its letters differ, and two always may.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&given, name);
    let (found, name) = known.into_iter().map(|name| (distance(name), name)).min()?;
    (found <= (given.chars().count() / 3).max(2)).then_some(name)
}

/// The suggestion as the end of a message: `; did you mean `ring_size`?`, or nothing.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["directory", "ring_size", "tiers", "cpu"];
        assert_eq!(nearest("ringsize", known), Some("ring_size"));
        assert_eq!(nearest("ring-size", known), Some("ring_size"));
        assert_eq!(nearest("Directroy", known), Some("directory"));
        assert_eq!(nearest("tier", known), Some("tiers"));
        assert_eq!(nearest("compression_level", known), None);
    }
}
