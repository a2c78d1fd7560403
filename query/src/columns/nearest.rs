//! What someone who typed something unknown may have meant.

/// The known name most similar to `typed`, where one is similar enough to be meant.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let typed = typed.to_lowercase();
    let (score, name) = known
        .into_iter()
        .map(|name| (similarity(&typed, &name.to_lowercase()), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score >= 0.6).then(|| name.to_owned())
}

/// 1 for equal names; a name that begins with what was typed is always similar.
fn similarity(typed: &str, name: &str) -> f64 {
    let prefix = typed.len() >= 3 && name.starts_with(typed);
    strsim::normalized_damerau_levenshtein(typed, name).max(if prefix { 0.8 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_name_and_noise_finds_none() {
        let known = ["cpu", "memory", "softirq", "rss_bytes", "pressure"];
        for (typed, meant) in
            [("cpus", "cpu"), ("memroy", "memory"), ("soft", "softirq"), ("RSS_byte", "rss_bytes")]
        {
            assert_eq!(nearest(typed, known).as_deref(), Some(meant), "{typed}");
        }
        assert_eq!(nearest("xylophone", known), None);
    }
}
