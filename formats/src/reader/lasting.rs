//! How long something lasts, for people.

/// How long rows of one step last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lasting {
    /// Nanoseconds from one row to the next.
    pub step_ns: u64,
    /// For how long there is room; `None` where that is not known.
    pub seconds: Option<f64>,
}

/// `1 ms 31 h, 1 s 4 d, 1 min 60 d`, the finest first. Where two rings have rows of the same step
/// the one counts that forgets first. `None` where nothing is known.
pub fn lasting_phrase(all: &[Lasting]) -> Option<String> {
    let mut steps: Vec<Lasting> = Vec::new();
    for ring in all {
        match steps.iter_mut().find(|step| step.step_ns == ring.step_ns) {
            None => steps.push(*ring),
            Some(step) => {
                step.seconds = match (step.seconds, ring.seconds) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
    }
    steps.sort_by_key(|step| step.step_ns);
    let is_known = steps.iter().any(|step| step.seconds.is_some());
    let part = |step: &Lasting| {
        let every = rough(step.step_ns as f64 / 1e9, 1.0);
        match step.seconds {
            Some(seconds) => format!("{every} {}", rough(seconds, 2.0)),
            None => format!("{every} not known yet"),
        }
    };
    is_known.then(|| steps.iter().map(part).collect::<Vec<_>>().join(", "))
}

/// Seconds in the largest unit of which there are at least `least`.
fn rough(seconds: f64, least: f64) -> String {
    let units =
        [("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6)];
    let unit = units.iter().find(|(_, unit)| seconds >= least * unit);
    let (name, unit) = unit.unwrap_or(&("us", 1e-6));
    format!("{:.0} {name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::{Lasting, lasting_phrase};

    #[test]
    fn how_long_rows_last_is_told_from_the_finest_on_and_by_who_forgets_first() {
        let ring = |step_s: f64, hours: Option<f64>| Lasting {
            step_ns: (step_s * 1e9) as u64,
            seconds: hours.map(|hours| hours * 3600.0),
        };
        let all = [
            ring(1.0, Some(100.0)),
            ring(0.001, Some(31.4)),
            ring(1.0, Some(96.0)),
            ring(60.0, Some(1440.0)),
        ];
        assert_eq!(lasting_phrase(&all).as_deref(), Some("1 ms 31 h, 1 s 4 d, 1 min 60 d"));
        let young = [ring(0.1, Some(0.5)), ring(60.0, None)];
        assert_eq!(lasting_phrase(&young).as_deref(), Some("100 ms 30 min, 1 min not known yet"));
        assert_eq!(lasting_phrase(&[ring(1.0, None)]), None);
    }
}
