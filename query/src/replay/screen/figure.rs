//! Numbers in few characters.

/// Bytes: `512`, `1.5K`, `12.3M`; six characters at most up to exabytes.
pub fn size(bytes: f64) -> String {
    scaled(bytes, 1024.0, &["", "K", "M", "G", "T", "P", "E"])
}

/// A count: `512`, `1.5k`, `12.3M`.
pub fn count(count: f64) -> String {
    scaled(count, 1000.0, &["", "k", "M", "G", "T", "P", "E"])
}

/// [`size`], where it is known.
pub fn opt_size(bytes: Option<f64>) -> String {
    bytes.map_or_else(unknown, size)
}

/// [`count`], where it is known.
pub fn opt_count(number: Option<f64>) -> String {
    number.map_or_else(unknown, count)
}

/// [`percent`], where it is known.
pub fn opt_percent(share: Option<f64>) -> String {
    share.map_or_else(unknown, percent)
}

/// [`duration`], where it is known.
pub fn opt_duration(ns: Option<f64>) -> String {
    ns.map_or_else(unknown, duration)
}

fn unknown() -> String {
    "-".to_owned()
}

/// A share of one in percent: `45.3`.
pub fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// A length of time: `0`, `850ns`, `12.3us`, `1.25ms`, `3.40s`.
pub fn duration(ns: f64) -> String {
    match ns {
        0.0 => "0".to_owned(),
        ns if ns < 1e3 => format!("{ns:.0}ns"),
        ns if ns < 1e6 => format!("{:.1}us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2}ms", ns / 1e6),
        ns => format!("{:.2}s", ns / 1e9),
    }
}

fn scaled(number: f64, base: f64, prefixes: &[&str]) -> String {
    let mut value = number;
    let mut at = 0;
    while value.abs() >= base - 0.05 && at + 1 < prefixes.len() {
        value /= base;
        at += 1;
    }
    let is_whole = at == 0 && (value.fract() == 0.0 || value.abs() >= 99.95);
    match is_whole {
        true => format!("{value:.0}"),
        false => format!("{value:.1}{}", prefixes[at]),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, duration, percent, size};

    #[test]
    fn numbers_are_short_and_never_lose_their_magnitude() {
        for (number, text) in [
            (0.0, "0"),
            (0.4, "0.4"),
            (7.0, "7"),
            (99.94, "99.9"),
            (512.6, "513"),
            (1023.0, "1023"),
            (1024.0, "1.0K"),
            (1_048_575.0, "1.0M"),
            (12.3 * 1048576.0, "12.3M"),
        ] {
            assert_eq!(size(number), text);
        }
        assert_eq!(count(1_500.0), "1.5k");
        assert_eq!(count(999.99), "1.0k");
        assert_eq!(percent(0.4534), "45.3");
        assert_eq!(duration(850.0), "850ns");
        assert_eq!(duration(12_345.0), "12.3us");
        assert_eq!(duration(1_250_000.0), "1.25ms");
        assert_eq!(duration(3.4e9), "3.40s");
    }
}
