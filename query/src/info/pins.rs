//! The pins, in a line each.

use super::span;
use crate::context::Context;
use crate::listing::show_many;
use nodemon_formats::reader::PinSummary;
use nodemon_formats::units::show_size;

/// So many are told, the newest that people asked for before those of triggers, unless somebody asks
/// for all.
const TOLD: usize = 8;

/// A line for each pin: what it keeps, and what it would have kept.
pub fn lines(context: &Context, pins: &[PinSummary], is_all: bool) -> Vec<String> {
    let told = told(pins, if is_all { usize::MAX } else { TOLD });
    let skipped = pins.len() - told.len();
    let mut lines = Vec::new();
    if skipped > 0 {
        lines.push(format!("{} more; --all lists them", show_many(skipped as u64, "pin")));
    }
    lines.extend(told.into_iter().map(|pin| line(context, pin)));
    lines
}

/// At most `most` of them, in their order.
fn told(pins: &[PinSummary], most: usize) -> Vec<&PinSummary> {
    let is_automatic = |pin: &PinSummary| pin.is_automatic;
    let asked_for = pins.iter().filter(|pin| !is_automatic(pin)).count();
    let mut skip_asked_for = asked_for.saturating_sub(most);
    let room = most.saturating_sub(asked_for);
    let mut skip_automatic = (pins.len() - asked_for).saturating_sub(room);
    let is_told = |pin: &&PinSummary| {
        let skip = if is_automatic(pin) { &mut skip_automatic } else { &mut skip_asked_for };
        match *skip {
            0 => true,
            _ => {
                *skip -= 1;
                false
            }
        }
    };
    pins.iter().filter(is_told).collect()
}

fn line(context: &Context, pin: &PinSummary) -> String {
    let PinSummary { name, text, from, to, .. } = pin;
    let kept = match pin.is_dropped {
        true => "dropped to make room: pins may take no more (pin_size)".to_owned(),
        false if pin.segments == 0 => "nothing kept yet".to_owned(),
        false => {
            format!("{} in {}", show_size(pin.size_bytes), show_many(pin.segments, "segment"))
        }
    };
    let text = if text.is_empty() { String::new() } else { format!("; {text}") };
    format!("{name}: {}, {kept}{text}", span(context, *from, *to))
}

#[cfg(test)]
mod tests {
    use super::told;
    use nodemon_formats::reader::PinSummary;

    fn pins(kinds: &str) -> Vec<PinSummary> {
        let pin = |(at, kind): (usize, char)| PinSummary {
            name: format!("{kind}{at}"),
            text: String::new(),
            from: 0,
            to: 1,
            segments: 0,
            size_bytes: 0,
            is_automatic: kind == 'a',
            is_dropped: false,
        };
        kinds.chars().enumerate().map(pin).collect()
    }

    #[test]
    fn pins_of_triggers_hide_none_that_somebody_asked_for() {
        for (kinds, most, wanted) in [
            ("paaaa", 3, "p0 a3 a4"),
            ("apapa", 3, "p1 p3 a4"),
            ("ppppa", 3, "p1 p2 p3"),
            ("aap", 8, "a0 a1 p2"),
            ("", 8, ""),
            ("aapp", usize::MAX, "a0 a1 p2 p3"),
        ] {
            let pins = pins(kinds);
            let names: Vec<&str> =
                told(&pins, most).into_iter().map(|pin| pin.name.as_str()).collect();
            assert_eq!(names.join(" "), wanted, "{most} of {kinds}");
        }
    }
}
