//! The whole span at a glance: how busy the CPUs were, so that the eye finds the second to go to.

use super::frame::Frame;
use super::gather::{Warn, Window, gather_part};
use super::part::Cpu;
use crate::error::QueryError;
use crate::question::Step;
use nodemon_formats::reader::Recording;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// Time in columns of equal length.
pub struct Overview {
    step: Step,
    first: i64,
    /// How busy the CPUs were on average, of one; `None` where nothing is known.
    busy: Vec<Option<f64>>,
}

/// So many columns, or fewer where there are fewer ticks.
const COLUMNS: i64 = 72;

impl Overview {
    /// Looks at `[from, to)`, of which a tick takes `tick` ns. Blocks that lie within a column are
    /// not decoded for it.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn new(
        recording: &Recording,
        from: i64,
        to: i64,
        tick: i64,
        warn: Warn<'_>,
    ) -> Result<Overview, QueryError> {
        let ticks = (to - from).div_euclid(tick) + 1;
        let length = tick * (ticks.div_euclid(COLUMNS) + 1);
        let step = Step { origin: from, length };
        let count = (to - from).div_euclid(length) + 1;
        let window = Window { step, first: 0, count: usize::try_from(count).unwrap_or(1) };
        let mut frames = window.frames();
        gather_part::<Cpu>(recording, window, &mut frames, warn)?;
        let busy = |frame: &Frame| {
            let average = Cpu::average(&frame.cpus);
            average.is_known().then(|| average.busy())
        };
        Ok(Overview { step, first: 0, busy: frames.iter().map(busy).collect() })
    }

    /// A line with a column for each part of the span; that of wall time `now` is marked.
    pub fn line(&self, now: i64) -> Line<'static> {
        const HEIGHTS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        let here = self.step.of(now) - self.first;
        let columns = self.busy.iter().enumerate().map(|(n, busy)| {
            let mut style = match busy {
                Some(busy) if *busy >= 0.9 => Style::new().fg(Color::Red),
                Some(busy) if *busy >= 0.7 => Style::new().fg(Color::Yellow),
                Some(_) => Style::new().fg(Color::Cyan),
                None => Style::new().add_modifier(Modifier::DIM),
            };
            if n as i64 == here {
                style = style.add_modifier(Modifier::REVERSED);
            }
            let height = |busy: f64| HEIGHTS[((busy * 8.0) as usize).min(7)];
            Span::styled(busy.map_or(".", height), style)
        });
        Line::from_iter(columns)
    }

    /// How long a column is, ns.
    pub fn column_ns(&self) -> i64 {
        self.step.length
    }
}
