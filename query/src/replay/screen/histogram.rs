//! How long things took, where that was recorded as histograms.

use super::figure::count;
use super::{NAME, PLAIN, left, right};
use crate::replay::distribution::Distribution;
use crate::replay::frame::Frame;
use crate::sink::table::alone;
use ratatui::text::Line;

const NAME_WIDTH: usize = 32;

/// Histograms in up to `most` lines, those with the slowest events where not all fit.
pub fn lines(frame: &Frame, most: usize) -> Vec<Line<'static>> {
    if frame.histograms.is_empty() || most < 2 {
        return Vec::new();
    }
    let heading = format!(
        "{:<NAME_WIDTH$} {:>8} {:>9} {:>9} {:>9}",
        "HISTOGRAM", "events", "p50", "p99", "max"
    );
    let mut slowest: Vec<&Distribution> = frame.histograms.iter().collect();
    slowest.sort_by(|a, b| b.max.total_cmp(&a.max));
    let shown = slowest.into_iter().take(most - 1).map(line);
    std::iter::once(Line::styled(heading, NAME)).chain(shown).collect()
}

fn line(of: &Distribution) -> Line<'static> {
    let keys = of.keys.iter().map(|(_, value)| value.as_str());
    let words = std::iter::once(of.table.as_str()).chain(keys).chain([of.label.as_str()]);
    let name: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    Line::from(vec![
        left(&name.join(" "), NAME_WIDTH, PLAIN),
        right(&count(of.count), 8, PLAIN),
        right(&alone(&of.unit, of.p50), 10, PLAIN),
        right(&alone(&of.unit, of.p99), 10, PLAIN),
        right(&alone(&of.unit, of.max), 10, PLAIN),
    ])
}
