//! Numbers for people: one unit and one number of decimals for a whole column, so that numbers
//! line up and can be compared by their length; where they differ by so much that the small ones
//! would be told as nothing, each in a unit of its own.

use nodemon_formats::ColumnType;
use nodemon_formats::schema::unit;

/// How the numbers of a column are shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// What a value is divided by.
    pub divisor: f64,
    /// Digits behind the point.
    pub decimals: usize,
    /// The unit that is left.
    pub unit: &'static str,
}

/// From this magnitude on, divided by this, it is shown in this unit.
type Unit = (f64, f64, &'static str);

/// The units in which numbers of one kind may be shown, the smallest first.
pub type Units = &'static [Unit];

/// A number of which fewer digits are left than this has become unreadable.
const LEAST_DIGITS: i32 = 2;

/// How to show a column of type `kind` in `unit` whose largest magnitude is `largest`; `None` for
/// integers that are shown digit by digit.
pub fn scale(kind: ColumnType, unit: &str, largest: f64) -> Option<Scale> {
    if let Some(scale) = of_share(unit) {
        return Some(scale);
    }
    let (_, divisor, name) =
        *units(kind, unit)?.iter().rev().find(|(from, ..)| largest >= *from)?;
    let is_whole = kind != ColumnType::F64 && divisor == 1.0;
    let decimals = match largest / divisor {
        _ if is_whole => 0,
        shown if shown < 10.0 => 2,
        shown if shown < 1000.0 => 1,
        _ => 0,
    };
    Some(fixed(divisor, decimals, name))
}

/// The units to choose from for each number of a column that is shown as `scale` says, where its
/// `smallest` magnitude would be left with too few digits; `None` where that is readable, or where
/// no smaller unit would make it so.
pub fn own_units(kind: ColumnType, unit: &str, scale: Scale, smallest: f64) -> Option<Units> {
    if of_share(unit).is_some() {
        return None;
    }
    let units = units(kind, unit)?;
    let has_smaller = units.first().is_some_and(|(_, divisor, _)| *divisor < scale.divisor);
    let in_last_digits =
        smallest / scale.divisor * 10f64.powi(i32::try_from(scale.decimals).unwrap_or(i32::MAX));
    (has_smaller && in_last_digits.round() < 10f64.powi(LEAST_DIGITS - 1)).then_some(units)
}

/// A number that stands alone, to three digits and with its unit: `5.12ms`, `40.9ms`, `512B`.
pub fn alone(unit: &str, value: f64) -> String {
    match of_share(unit) {
        Some(scale) => format_scaled(scale, value),
        None => alone_in(units(ColumnType::F64, unit).unwrap_or(&PLAIN), value),
    }
}

/// The same, in the one of `units` that suits it.
pub fn alone_in(units: Units, value: f64) -> String {
    let fits = units.iter().rev().find(|(_, divisor, _)| value.abs() >= *divisor);
    let (_, divisor, name) = *fits.or(units.first()).unwrap_or(&PLAIN[0]);
    let decimals = match value.abs() / divisor {
        shown if shown < 10.0 => 2,
        shown if shown < 100.0 => 1,
        _ => 0,
    };
    format_scaled(fixed(divisor, decimals, name), value)
}

fn format_scaled(scale: Scale, value: f64) -> String {
    let text = format!("{:.*}", scale.decimals, value / scale.divisor);
    let digits = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{digits}{}", scale.unit)
}

/// How shares of a whole are shown.
fn of_share(unit: &str) -> Option<Scale> {
    Some(match unit {
        "ns/s" => fixed(1e7, 1, "%"),
        unit::RATIO => fixed(0.01, 1, "%"),
        unit::PERCENT => fixed(1.0, 1, "%"),
        _ => return None,
    })
}

/// The units in which a column of type `kind` in `unit` may be shown.
fn units(kind: ColumnType, unit: &str) -> Option<Units> {
    Some(match unit {
        unit::NS => &TIMES,
        unit::BYTES => &BYTES,
        "bytes/s" => &BYTES_PER_S,
        unit::UJ => &[(0.0, 1e6, "J"), (1e10, 1e9, "kJ"), (1e13, 1e12, "MJ")],
        "uJ/s" => &[(0.0, 1e6, "W")],
        unit::HZ => &[(0.0, 1.0, "Hz"), (1e7, 1e6, "MHz")],
        unit::BIT_PER_S => &[(0.0, 1e6, "Mbit/s"), (1e10, 1e9, "Gbit/s")],
        unit::CELSIUS => &[(0.0, 1.0, "C")],
        unit::RPM => &[(0.0, 1.0, "rpm")],
        unit::VOLT => &[(0.0, 1.0, "V")],
        unit::WATT => &[(0.0, 1.0, "W")],
        unit::AMPERE => &[(0.0, 1.0, "A")],
        _ if unit.ends_with("/s") => &[(0.0, 1.0, "/s"), (1e7, 1e3, "k/s"), (1e10, 1e6, "M/s")],
        _ if kind == ColumnType::F64 => &PLAIN,
        _ => return None,
    })
}

const PLAIN: [Unit; 1] = [(0.0, 1.0, "")];

const TIMES: [Unit; 5] = [
    (0.0, 1.0, "ns"),
    (1e4, 1e3, "us"),
    (1e7, 1e6, "ms"),
    (1e10, 1e9, "s"),
    (259_200e9, 86_400e9, "d"),
];

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;
const GIB: f64 = 1024.0 * MIB;
const TIB: f64 = 1024.0 * GIB;

const BYTES: [Unit; 5] =
    [(0.0, 1.0, "B"), (KIB, KIB, "KiB"), (MIB, MIB, "MiB"), (GIB, GIB, "GiB"), (TIB, TIB, "TiB")];

const BYTES_PER_S: [Unit; 5] = [
    (0.0, 1.0, "B/s"),
    (KIB, KIB, "KiB/s"),
    (MIB, MIB, "MiB/s"),
    (GIB, GIB, "GiB/s"),
    (TIB, TIB, "TiB/s"),
];

fn fixed(divisor: f64, decimals: usize, unit: &'static str) -> Scale {
    Scale { divisor, decimals, unit }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{alone_in, own_units, scale};
    use nodemon_formats::ColumnType::{F64, U64};

    fn shown(kind: nodemon_formats::ColumnType, unit: &str, value: f64) -> String {
        match scale(kind, unit, value) {
            Some(scale) => {
                format!("{:.*} {}", scale.decimals, value / scale.divisor, scale.unit)
            }
            None => format!("{value}"),
        }
    }

    #[test]
    fn numbers_are_shown_in_the_unit_that_people_think_in() {
        for (kind, unit, value, text) in [
            (F64, "ns/s", 123_456_789.0, "12.3 %"),
            (F64, "ratio", 0.5, "50.0 %"),
            (U64, "ns", 1_500.0, "1500 ns"),
            (U64, "ns", 2_500_000.0, "2500 us"),
            (U64, "ns", 25_000_000_000.0, "25.0 s"),
            (U64, "bytes", 512.0, "512 B"),
            (U64, "bytes", 5_368_709_120.0, "5.00 GiB"),
            (F64, "bytes/s", 1_572_864.0, "1.50 MiB/s"),
            (F64, "count/s", 3.25, "3.25 /s"),
            (F64, "count/s", 250_000.0, "250000 /s"),
            (F64, "count/s", 25_000_000.0, "25000 k/s"),
            (F64, "uJ/s", 35_400_000.0, "35.4 W"),
            (U64, "Hz", 3_400_000_000.0, "3400 MHz"),
            (F64, "count", 0.42, "0.42 "),
            (U64, "count", 42.0, "42"),
            (U64, "", 8080.0, "8080"),
        ] {
            assert_eq!(shown(kind, unit, value), text, "{value} {unit}");
        }
    }

    #[test]
    fn where_the_smallest_of_a_column_would_lose_its_digits_each_number_has_its_own_unit() {
        for (kind, unit, smallest, largest, told) in [
            (F64, "ns", 59_400.0, 3.0e9, Some("59.4us")),
            (U64, "ns", 7.0, 3.0e9, Some("7ns")),
            (F64, "ns", 990_000.0, 3.0e9, Some("990us")),
            (F64, "ns", 12_000_000.0, 3.0e9, None),
            (U64, "ns", 1.0, 9_999.0, None),
            (U64, "bytes", 4096.0, 5.0e9, Some("4KiB")),
            (F64, "bytes/s", 100.0, 5.0e9, Some("100B/s")),
            (F64, "count/s", 3.0, 25e6, Some("3/s")),
            (F64, "ns/s", 1_000.0, 5e8, None),
            (F64, "uJ", 1_000.0, 5e8, None),
            (F64, "ratio", 0.0001, 0.9, None),
            (U64, "count", 1.0, 1e12, None),
        ] {
            let units =
                scale(kind, unit, largest).and_then(|scale| own_units(kind, unit, scale, smallest));
            let shown = units.map(|units| alone_in(units, smallest));
            assert_eq!(shown.as_deref(), told, "{smallest} beside {largest} {unit}");
        }
        assert_eq!(alone_in(&super::TIMES, -2_500_000.0), "-2.5ms", "what is below zero, too");
    }
}
