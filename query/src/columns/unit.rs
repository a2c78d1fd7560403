//! Units in names and in what people type.

use nodemon_formats::Column;
use nodemon_formats::schema::unit;

/// The name of a column without the unit at its end: `user` for `user_ns`.
pub fn label(column: &Column) -> &str {
    let suffix = match &*column.unit {
        unit::NS => "_ns",
        unit::BYTES => "_bytes",
        unit::RATIO => "_ratio",
        unit::PERCENT => "_percent",
        unit::HZ => "_hz",
        unit::CELSIUS => "_celsius",
        unit::RPM => "_rpm",
        unit::UJ => "_uj",
        unit::VOLT => "_v",
        unit::WATT => "_w",
        unit::AMPERE => "_a",
        unit::BIT_PER_S => "_bit_per_s",
        _ => "",
    };
    match column.name.strip_suffix(suffix) {
        Some(short) if !short.is_empty() => short,
        _ => &column.name,
    }
}

/// A number that was typed, in the unit of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// Exact.
    Integer(i128),
    /// With a fraction.
    Float(f64),
}

impl Quantity {
    /// The number as a float.
    pub fn as_f64(self) -> f64 {
        match self {
            Quantity::Integer(value) => value as f64,
            Quantity::Float(value) => value,
        }
    }
}

/// Reads a number with an optional unit as a number in `unit`, the unit of a column or of its rate:
/// `1GiB` and `500MB` for bytes, `10ms` for nanoseconds, `50%` for the rate of nanoseconds.
///
/// # Errors
/// A sentence that says what would be understood.
pub fn parse_quantity(text: &str, unit: &str) -> Result<Quantity, String> {
    let (base, is_rate) = match unit.strip_suffix("/s") {
        Some(base) if unit != unit::BIT_PER_S => (base, true),
        _ => (unit, false),
    };
    let text = text.trim();
    let text = if is_rate { text.strip_suffix("/s").unwrap_or(text) } else { text };
    let digits = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '_')))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number = number.replace('_', "");
    let suffix = suffix.trim();
    let factor = factor(suffix, base, is_rate).ok_or_else(|| expected(text, base, is_rate))?;
    if let Factor::Times(times) = factor
        && let Ok(integer) = number.parse::<i128>()
        && let Some(exact) = integer.checked_mul(i128::from(times))
    {
        return Ok(Quantity::Integer(exact));
    }
    let value: f64 = number.parse().map_err(|_| expected(text, base, is_rate))?;
    Ok(match factor {
        Factor::Times(times) => Quantity::Float(value * times as f64),
        Factor::Over(over) => Quantity::Float(value / over as f64),
    })
}

#[derive(Clone, Copy)]
enum Factor {
    Times(u64),
    Over(u64),
}

fn factor(suffix: &str, base: &str, is_rate: bool) -> Option<Factor> {
    use Factor::{Over, Times};
    let times = match (base, suffix) {
        (_, "") => 1,
        (unit::NS, "%") if is_rate => 10_000_000,
        (unit::NS, "ns") => 1,
        (unit::NS, "us" | "µs") => 1_000,
        (unit::NS, "ms") => 1_000_000,
        (unit::NS, "s") => 1_000_000_000,
        (unit::NS, "m" | "min") => 60_000_000_000,
        (unit::NS, "h") => 3_600_000_000_000,
        (unit::BYTES, "B") => 1,
        (unit::BYTES, "K" | "k" | "KiB" | "Ki") => 1 << 10,
        (unit::BYTES, "M" | "MiB" | "Mi") => 1 << 20,
        (unit::BYTES, "G" | "GiB" | "Gi") => 1 << 30,
        (unit::BYTES, "T" | "TiB" | "Ti") => 1 << 40,
        (unit::BYTES, "KB" | "kB") => 1_000,
        (unit::BYTES, "MB") => 1_000_000,
        (unit::BYTES, "GB") => 1_000_000_000,
        (unit::BYTES, "TB") => 1_000_000_000_000,
        (unit::PERCENT, "%") => 1,
        (unit::RATIO, "%") => return Some(Over(100)),
        (unit::CELSIUS, "C" | "°C") => 1,
        (unit::UJ, "J") | (unit::UJ, "W") if is_rate == (suffix == "W") => 1_000_000,
        (_, suffix) if suffix == base => 1,
        (unit::NS | unit::BYTES | unit::UJ, _) => return None,
        (_, "k" | "K") => 1_000,
        (_, "M") => 1_000_000,
        (_, "G") => 1_000_000_000,
        _ => return None,
    };
    Some(Times(times))
}

fn expected(text: &str, base: &str, is_rate: bool) -> String {
    let example = match (base, is_rate) {
        (unit::BYTES, false) => "a size such as 4096, 500MB or 1GiB",
        (unit::BYTES, true) => "a rate such as 10MB or 1GiB (a second)",
        (unit::NS, false) => "a time such as 250us, 10ms or 2s",
        (unit::NS, true) => "a percentage such as 50%",
        _ => "a number",
    };
    format!("{text:?}: expects {example}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{Quantity, parse_quantity};

    #[test]
    fn numbers_are_read_in_the_unit_of_the_column() {
        for (text, unit, value) in [
            ("1GiB", "bytes", 1_073_741_824.0),
            ("500MB", "bytes", 500e6),
            ("1.5G", "bytes", 1.5 * 1_073_741_824.0),
            ("10MB/s", "bytes/s", 10e6),
            ("10ms", "ns", 10e6),
            ("50%", "ns/s", 5e8),
            ("12W", "uJ/s", 12e6),
            ("80%", "ratio", 0.8),
            ("80", "percent", 80.0),
            ("3GHz", "Hz", f64::NAN),
            ("3G", "Hz", 3e9),
            ("-5", "count", -5.0),
            ("1_000", "", 1000.0),
        ] {
            match parse_quantity(text, unit) {
                Ok(read) => assert!((read.as_f64() - value).abs() < 1e-9 * value.abs(), "{text}"),
                Err(error) => assert!(value.is_nan(), "{text} {unit}: {error}"),
            }
        }
        let exact = parse_quantity("9007199254740993", "count");
        assert_eq!(exact, Ok(Quantity::Integer(9_007_199_254_740_993)), "no float in between");
        for (text, unit) in
            [("", "count"), ("x", "count"), ("5s", "bytes"), ("5%", "ns"), ("1", "")]
        {
            assert_eq!(parse_quantity(text, unit).is_err(), text != "1", "{text} {unit}");
        }
    }
}
