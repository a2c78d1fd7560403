//! The whole span at a glance: how busy the CPUs were, so that the eye finds the second to go to.

use super::frame::Frame;
use super::gather::gather_part;
use super::part::Cpu;
use super::window::{Warn, Window};
use crate::error::QueryError;
use crate::question::Step;
use crate::time::Stamp;
use jiff::tz::TimeZone;
use nodemon_formats::narrow::{count32, index, whole};
use nodemon_formats::reader::Recording;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// Characters of the line that are not columns.
pub const ENDS: usize = 18;

/// Time in columns of equal length.
pub struct Overview {
    step: Step,
    /// How busy the CPUs were on average, of one; `None` where nothing is known.
    busy: Vec<Option<f64>>,
}

impl Overview {
    /// Looks at `[from, to)`, of which a tick takes `tick` ns, in up to `width` columns. Blocks that
    /// lie within a column are not decoded for it.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn new(
        recording: &Recording,
        from: i64,
        to: i64,
        tick: i64,
        width: usize,
        warn: Warn<'_>,
    ) -> Result<Overview, QueryError> {
        let ticks = (to - from).div_euclid(tick) + 1;
        let columns = i64::try_from(width).unwrap_or(1).max(1);
        let length = tick.saturating_mul(ticks.div_euclid(columns) + 1);
        let step = Step { origin: from, length };
        let count = step.number_at(to - 1) + 1;
        let window = Window { step, count: usize::try_from(count).unwrap_or(1), first: 0 };
        let mut frames = window.frames();
        gather_part::<Cpu>(recording, window, &mut frames, warn)?;
        let busy = |frame: &Frame| {
            let average = Cpu::average(&frame.cpus);
            average.is_known().then(|| average.busy())
        };
        Ok(Overview { step, busy: frames.iter().map(busy).collect() })
    }

    /// A line with a column for each part of the span; that of wall time `now` is marked. When the
    /// span begins and ends, by clocks in `zone`, stands at its ends.
    pub fn line(&self, now: i64, zone: &TimeZone) -> Line<'static> {
        const HEIGHTS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        let here = self.step.number_at(now);
        let columns = (0..).zip(&self.busy).map(|(n, busy)| {
            let mut style = match busy {
                Some(busy) if *busy >= 0.9 => Style::new().fg(Color::Red),
                Some(busy) if *busy >= 0.7 => Style::new().fg(Color::Yellow),
                Some(_) => Style::new().fg(Color::Cyan),
                None => Style::new().add_modifier(Modifier::DIM),
            };
            if n == here {
                style = style.add_modifier(Modifier::REVERSED);
            }
            let height = |busy: f64| HEIGHTS[index(whole(busy * 8.0)).min(7)];
            Span::styled(busy.map_or(".", height), style)
        });
        let clock = |time: i64| Span::raw(Stamp::from_ns(time, zone).clock(0));
        let begin = [clock(self.step.start(0)), Span::raw(" ")];
        let end = [Span::raw(" "), clock(self.step.start(i64::from(count32(self.busy.len()))))];
        Line::from_iter(begin.into_iter().chain(columns).chain(end))
    }

    /// How long a column is, ns.
    pub fn column_ns(&self) -> i64 {
        self.step.length
    }
}
