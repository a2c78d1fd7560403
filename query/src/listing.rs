//! Listings for people: columns that line up, sizes and counts that can be read.

use nodemon_formats::text::{printable, wrap};

/// Rows of text in columns that line up.
#[derive(Default)]
pub struct Listing {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Listing {
    /// A listing whose heading is `heading`; a heading that begins with `>` is of numbers, which
    /// stand flush right.
    pub fn new(heading: &[&str]) -> Listing {
        let names = heading.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
        let right = heading.iter().map(|name| name.starts_with('>')).collect();
        Listing { rows: vec![names], right }
    }

    /// Adds a row. Its cells may be text that others chose.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell).into_owned()).collect());
    }

    /// The text as it fits the terminal, with the heading in bold where `color` is set.
    pub fn text(&self, color: bool) -> String {
        self.text_within(color, terminal_width())
    }

    /// The text in lines of up to `room` characters, if that is given: the last cell of a row goes
    /// on in lines below, under itself where there is room for that.
    fn text_within(&self, color: bool, room: Option<usize>) -> String {
        let mut widths = vec![0; self.right.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let last = widths.len().saturating_sub(1);
        let before_last: usize = widths.iter().take(last).map(|width| width + GUTTER).sum();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let mut lines = Vec::new();
            let mut line = String::new();
            for (at, ((cell, width), right)) in row.iter().zip(&widths).zip(&self.right).enumerate()
            {
                let fill = " ".repeat(width - cell.chars().count());
                let room =
                    room.filter(|room| at == last && before_last + cell.chars().count() > *room);
                match room {
                    Some(room) if room >= before_last + LEAST_ROOM => {
                        let mut parts = wrap(cell, room - before_last).into_iter();
                        line.push_str(parts.next().unwrap_or_default());
                        let indent = " ".repeat(before_last);
                        lines.extend(parts.map(|part| format!("{indent}{part}")));
                    }
                    Some(room) if number > 0 => {
                        let parts = wrap(cell, room.saturating_sub(INDENT).max(LEAST_ROOM));
                        let indent = " ".repeat(INDENT);
                        lines.extend(parts.into_iter().map(|part| format!("{indent}{part}")));
                    }
                    _ if *right => line.push_str(&format!("{fill}{cell}  ")),
                    _ => line.push_str(&format!("{cell}{fill}  ")),
                }
            }
            lines.insert(0, line);
            for line in lines {
                match color && number == 0 {
                    true => text.push_str(&format!("\x1b[1m{}\x1b[0m\n", line.trim_end())),
                    false => text.push_str(&format!("{}\n", line.trim_end())),
                }
            }
        }
        text
    }
}

/// Between two columns.
const GUTTER: usize = 2;
/// What goes on in lines below has at least so much room, or begins at the left.
const LEAST_ROOM: usize = 24;
/// So far from the left.
const INDENT: usize = 4;

/// Characters in a line of the terminal, if standard output is one.
pub fn terminal_width() -> Option<usize> {
    let size = terminal_size::terminal_size_of(std::io::stdout())?;
    Some(usize::from(size.0.0))
}

/// Facts, a line each, with their names in a column.
#[derive(Default)]
pub struct Facts {
    text: String,
    width: usize,
}

impl Facts {
    /// No facts yet, whose names will take up to `width` characters.
    pub fn new(width: usize) -> Facts {
        Facts { text: String::new(), width }
    }

    /// Adds one. Its value may be text that others chose.
    pub fn line(&mut self, name: &str, value: &str) {
        let (width, value) = (self.width, printable(value));
        let room = terminal_width().map_or(usize::MAX, |room| room.saturating_sub(width + 1));
        for (number, line) in wrap(&value, room.max(LEAST_ROOM)).into_iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            self.text.push_str(&format!("{name:<width$} {line}\n"));
        }
    }

    /// The lines.
    pub fn text(self) -> String {
        self.text
    }
}

/// The first sentence of a text.
pub fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}

/// A count with its thousands apart: `48 720`.
pub fn show_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A noun in the plural unless there is one: `1 gap`, `3 gaps`.
pub fn show_many(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", show_count(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{Listing, show_count, show_many};

    #[test]
    fn counts_can_be_read() {
        assert_eq!(show_count(7), "7");
        assert_eq!(show_count(1_234_567), "1 234 567");
        assert_eq!(show_many(1, "gap"), "1 gap");
        assert_eq!(show_many(0, "gap"), "0 gaps");
    }

    #[test]
    fn columns_line_up() {
        let mut listing = Listing::new(&["table", ">samples", "what"]);
        listing.row(["cpu".into(), "12 000".into(), "time".into()]);
        listing.row(["pressure".into(), "7".into(), String::new()]);
        assert_eq!(
            listing.text(false),
            "table     samples  what\ncpu        12 000  time\npressure        7\n"
        );
    }

    #[test]
    fn what_does_not_fit_a_terminal_goes_on_under_itself_or_at_the_left() {
        let mut listing = Listing::new(&["table", "what"]);
        listing.row(["cpu".into(), "time that each CPU spent in each state".into()]);
        let text = listing.text_within(false, Some(32));
        assert_eq!(text, "table  what\ncpu    time that each CPU spent\n       in each state\n");
        let text = listing.text_within(false, Some(28));
        assert_eq!(text, "table  what\ncpu\n    time that each CPU spent\n    in each state\n");
    }
}
