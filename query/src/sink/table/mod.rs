//! Aligned columns for people.

mod calls;
mod cell;
mod figures;
mod idle;
mod layout;
mod scale;

pub use scale::alone;

use crate::error::QueryError;
use crate::output::Output;
use crate::rows::{Batch, Format, Header, Look, Missing, Sink};
use crate::time::Stamp;
use cell::write_cell;
use jiff::civil::Date;
use jiff::tz::Offset;
use layout::{GUTTER, Layout, time_width};
use nodemon_formats::text::printable;
use nodemon_formats::units::show_duration;
use std::ops::Range;
use std::sync::Arc;

/// The format.
pub const FORMAT: Format = Format {
    name: "table",
    about: "Aligned columns for people; counters as rates",
    extensions: &["txt"],
    is_binary: false,
    holds_tables: true,
    is_for_people: true,
    sink: |output, header, options| {
        Ok(Box::new(TableSink::new(header.clone(), output, options.look)))
    },
    export: None,
};

/// Writes rows to an output as aligned columns.
///
/// Widths and units are chosen from the first thousand rows and kept: numbers stay comparable down
/// the page, and memory does not grow with the answer. A value that is wider pushes its own line
/// aside and is never cut.
pub struct TableSink {
    header: Arc<Header>,
    output: Output,
    look: Look,
    layout: Option<Layout>,
    /// What came before there was a layout.
    held: Vec<Held>,
    held_rows: usize,
    /// Date and offset from UTC that were told last.
    date: Option<(Date, Offset)>,
    /// Lines since the heading.
    lines: usize,
    text: String,
    cell: String,
    /// Rows that were left out.
    idle_rows: usize,
}

enum Held {
    Rows(Batch),
    Gap(Missing),
}

/// A layout is made from so many rows.
const LAYOUT_ROWS: usize = 1000;

/// So many bytes are written at a time.
const WRITE_BYTES: usize = 64 << 10;

impl TableSink {
    /// A sink that writes rows with these columns to `output`.
    pub fn new(header: Arc<Header>, output: Output, look: Look) -> TableSink {
        TableSink {
            header,
            output,
            look,
            layout: None,
            held: Vec::new(),
            held_rows: 0,
            date: None,
            lines: 0,
            text: String::new(),
            cell: String::new(),
            idle_rows: 0,
        }
    }

    /// Chooses the layout, and writes what waited for it.
    fn begin(&mut self) -> Result<(), QueryError> {
        let held = std::mem::take(&mut self.held);
        let batches: Vec<Batch> = held
            .iter()
            .filter_map(|held| match held {
                Held::Rows(batch) => Some(batch.clone()),
                Held::Gap(_) => None,
            })
            .collect();
        if let Some(title) = self.look.title.take_if(|_| !held.is_empty()) {
            let (bold, plain) = if self.look.color { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
            self.text.push_str(&format!("{bold}{}{plain}\n", printable(&title)));
        }
        let layout = Layout::new(&self.header, &batches, &self.look);
        if layout.hidden > 0 && !held.is_empty() {
            self.note(&format!(
                "{} more columns do not fit; -c NAME,... chooses, -f csv has them all",
                layout.hidden
            ));
        }
        self.layout = Some(layout);
        for held in held {
            match held {
                Held::Rows(batch) => self.write_rows(&batch)?,
                Held::Gap(gap) => self.write_gap(&gap)?,
            }
        }
        Ok(())
    }

    /// Writes rows, once there is a layout.
    fn take_rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        if self.layout.is_some() {
            return self.write_rows(batch);
        }
        self.held_rows += batch.len();
        self.held.push(Held::Rows(batch.clone()));
        if self.held_rows >= LAYOUT_ROWS { self.begin() } else { Ok(()) }
    }

    fn write_rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        let Some(layout) = self.layout.take() else { return Ok(()) };
        for row in 0..batch.len() {
            let stamp = Stamp::from_ns(batch.times[row], &self.look.zone);
            if self.date != Some((stamp.date, stamp.offset)) {
                self.date = Some((stamp.date, stamp.offset));
                self.note(&format!("{} {}", stamp.date, stamp.zone()));
                self.heading(&layout);
            } else if self.look.height.is_some_and(|height| self.lines + 3 >= height) {
                self.heading(&layout);
            }
            self.text.push_str(&stamp.clock(layout.digits));
            for column in &layout.columns {
                let kind = self.header.fields[column.index].kind;
                self.cell.clear();
                write_cell(column.show, kind, batch, column.index, row, &mut self.cell);
                let is_text = column.show.is_text();
                pad(&mut self.text, &self.cell, column.width, is_text);
            }
            self.end_line();
            if self.text.len() >= WRITE_BYTES {
                self.write()?;
            }
        }
        self.layout = Some(layout);
        // Whoever watches a pipe sees rows when they are there.
        self.write()
    }

    fn heading(&mut self, layout: &Layout) {
        let bold = if self.look.color { "\x1b[1m" } else { "" };
        let plain = if self.look.color { "\x1b[0m" } else { "" };
        self.text.push_str(bold);
        self.text.push_str(&format!("{:<1$}", "time", time_width(layout.digits)));
        for column in &layout.columns {
            let is_text = column.show.is_text();
            pad(&mut self.text, &column.label, column.width, is_text);
        }
        self.end_line();
        if layout.columns.iter().any(|column| !column.unit.is_empty()) {
            self.text.push_str(&" ".repeat(time_width(layout.digits)));
            for column in &layout.columns {
                pad(&mut self.text, column.unit, column.width, false);
            }
            self.end_line();
        }
        self.text.push_str(plain);
        self.lines = 0;
    }

    /// A gap: `-- gap 03:12:07.000 .. 03:12:09.000 (2.0 s): recorder not running, 12 samples lost`.
    fn write_gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        let from = Stamp::from_ns(gap.from, &self.look.zone);
        let to = Stamp::from_ns(gap.to, &self.look.zone);
        let digits = self.layout.as_ref().map_or(3, |layout| layout.digits.max(3));
        let text = |stamp: Stamp, same_day: bool| {
            if same_day { stamp.clock(digits) } else { stamp.text(digits) }
        };
        let start = text(from, self.date == Some((from.date, from.offset)));
        let end = text(to, (from.date, from.offset) == (to.date, to.offset));
        let length = show_duration(gap.to.saturating_sub(gap.from));
        let line = format!("gap {start} .. {end} ({length}): {}", gap.why());
        self.colored_note(&line, "\x1b[33m");
        self.write()
    }

    fn note(&mut self, text: &str) {
        self.colored_note(text, "\x1b[2m");
    }

    fn colored_note(&mut self, text: &str, color: &str) {
        let (color, plain) = if self.look.color { (color, "\x1b[0m") } else { ("", "") };
        self.text.push_str(&format!("{color}-- {}{plain}\n", printable(text)));
        self.lines += 1;
    }

    /// Ends a line, without blanks at its end.
    fn end_line(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
        self.lines += 1;
    }

    fn write(&mut self) -> Result<(), QueryError> {
        let result = self.output.put(self.text.as_bytes());
        self.text.clear();
        result
    }
}

/// Appends `cell` behind a gutter, filled up to `width`.
fn pad(text: &mut String, cell: &str, width: usize, left: bool) {
    let fill = width.saturating_sub(cell.chars().count());
    let (before, after) = if left { (GUTTER, fill) } else { (GUTTER + fill, 0) };
    text.extend(std::iter::repeat_n(' ', before));
    text.push_str(cell);
    text.extend(std::iter::repeat_n(' ', after));
}

impl Sink for TableSink {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        if !self.look.hides_idle || !idle::has_rates_only(&self.header) {
            return self.take_rows(batch);
        }
        let busy = idle::busy_rows(&self.header, batch);
        self.idle_rows += batch.len() - busy.iter().map(Range::len).sum::<usize>();
        for range in busy {
            if range.len() == batch.len() {
                return self.take_rows(batch);
            }
            self.take_rows(&batch.part(range))?;
        }
        Ok(())
    }

    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        if self.layout.is_some() {
            return self.write_gap(gap);
        }
        self.held.push(Held::Gap(gap.clone()));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        if self.layout.is_none() {
            self.begin()?;
        }
        if self.idle_rows > 0 {
            let rows = self.idle_rows;
            self.note(&format!("{rows} rows of nothing but zeros are left out; --idle shows them"));
        }
        self.write()?;
        self.output.commit()
    }
}
