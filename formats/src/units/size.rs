//! Sizes as people write them: `8GiB`, `500MB`, `1.5TiB`; a number alone is bytes.

use crate::narrow::count32;

/// Units, the larger first, so that what is shown takes the largest that divides it.
const UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A size that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a size: write a number and a unit, as in 8GiB or 500MB")]
pub struct SizeError {
    text: String,
}

/// The number of bytes that `text` says. Upper and lower case are one in units, and a number may
/// have a fraction.
///
/// # Errors
/// A `SizeError` when there is no number, an unknown unit, or more than a `u64` can hold.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let error = || SizeError { text: text.to_owned() };
    let trimmed = text.trim();
    let unit_at = trimmed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(unit_at);
    let unit = if unit.is_empty() { "B" } else { unit };
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let (_, scale) = known.ok_or_else(error)?;
    scaled(number.trim_end(), *scale).ok_or_else(error)
}

/// `number`, which may have a fraction, times `scale`, without rounding where that is possible.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let parts: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let below = u128::from(parts) * u128::from(scale) / 10u128.pow(count32(fraction.len()));
    let total = u128::from(whole) * u128::from(scale) + below;
    u64::try_from(total).ok()
}

/// `bytes` with the largest binary unit that divides it, so that it reads back as the same number.
pub fn exact_size(bytes: u64) -> String {
    let binary = UNITS.iter().filter(|(name, scale)| name.contains('i') || *scale == 1);
    let unit =
        binary.into_iter().find(|(_, scale)| bytes >= *scale && bytes.is_multiple_of(*scale));
    let (name, scale) = unit.unwrap_or(&("B", 1));
    format!("{}{name}", bytes / scale)
}

/// `bytes` for people, with a binary unit: `512 B`, `12.3 MiB`.
pub fn show_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // What would be shown as 1024.0 of a unit is 1.0 of the next.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{exact_size, parse_size, show_size};
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("8GiB", 8 << 30),
            ("500MB", 500_000_000),
            ("1.5 GiB", 3 << 29),
            (" 64kib ", 64 << 10),
            ("7B", 7),
            ("65536", 65536),
            ("0.000000001GB", 1),
            ("2TiB", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_an_example_of_one() {
        for text in
            ["", "8x", "GiB", "8 gigs", "-1GiB", "1e3MB", "99999999999TiB", "1..5GB", "+1GB"]
        {
            let told = parse_size(text).unwrap_err().to_string();
            assert!(told.contains(&format!("`{text}`")) && told.contains("8GiB"), "{told}");
        }
    }

    #[test]
    fn what_people_are_shown_is_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (13_000_000_000, "12.1 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(show_size(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn an_exact_size_reads_back_as_the_same_number(bytes: u64, shift in 0u32..64) {
            for bytes in [bytes, bytes >> shift << shift] {
                prop_assert_eq!(parse_size(&exact_size(bytes)), Ok(bytes));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}|[0-9.]{0,25}(GiB|MB|B)?") {
            let _ = parse_size(&text);
        }
    }
}
