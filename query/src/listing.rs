//! Listings for people: columns that line up, sizes and counts that can be read.

use nodemon_formats::text::printable;

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

    /// The text, with the heading in bold where `color` is set.
    pub fn text(&self, color: bool) -> String {
        let mut widths = vec![0; self.right.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let fill = " ".repeat(width - cell.chars().count());
                let (before, after) =
                    if *right { (fill, String::new()) } else { (String::new(), fill) };
                line.push_str(&format!("{before}{cell}{after}  "));
            }
            match color && number == 0 {
                true => text.push_str(&format!("\x1b[1m{}\x1b[0m\n", line.trim_end())),
                false => text.push_str(&format!("{}\n", line.trim_end())),
            }
        }
        text
    }
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
        let width = self.width;
        self.text.push_str(&format!("{name:<width$} {}\n", printable(value)));
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

/// A size: `512 B`, `12.3 MiB`.
pub fn show_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
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
    use super::{Listing, show_count, show_many, show_size};

    #[test]
    fn sizes_and_counts_can_be_read() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (13_000_000_000, "12.1 GiB"),
        ] {
            assert_eq!(show_size(bytes), text);
        }
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
}
