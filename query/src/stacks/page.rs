//! How wide a text for people may be, and whether it has colours.

use crate::context::Context;
use crate::listing::terminal_width;
use nodemon_formats::text::{printable, wrap};

/// A text for people.
pub struct Page {
    /// Characters in a line; none where a line may be as long as it is.
    pub room: Option<usize>,
    color: bool,
}

/// Where there is no terminal to fit, most that there are would be fitted.
const USUAL: usize = 80;
/// What is narrower than this is not fitted.
const LEAST: usize = 60;

impl Page {
    /// For standard output, or for a file, in which nothing is cut.
    pub fn new(context: &Context, is_file: bool) -> Page {
        let room = terminal_width().unwrap_or(USUAL).max(LEAST);
        Page { room: (!is_file).then_some(room), color: context.color && !is_file }
    }

    /// A line about what follows, or as many as it takes. It may hold text that others chose.
    pub fn head(&self, line: &str, text: &mut String) {
        let line = printable(line);
        let room = self.room.map_or(usize::MAX, |room| room.saturating_sub(HEAD.len()));
        for line in wrap(&line, room) {
            self.styled("\x1b[2m", &format!("{HEAD}{line}"), text);
        }
    }

    /// The line above columns.
    pub fn heading(&self, line: &str, text: &mut String) {
        self.styled("\x1b[1m", line, text);
    }

    fn styled(&self, style: &str, line: &str, text: &mut String) {
        let (style, plain) = if self.color { (style, "\x1b[0m") } else { ("", "") };
        text.push_str(&format!("{style}{}{plain}\n", line.trim_end()));
    }
}

const HEAD: &str = "-- ";

/// A name in up to `room` characters, without its middle where it has more.
pub fn fit(name: &str, room: usize) -> String {
    let length = name.chars().count();
    if length <= room {
        return name.to_owned();
    }
    let kept = room.saturating_sub(1);
    let front = kept / 2;
    let begin: String = name.chars().take(front).collect();
    let end: String = name.chars().skip(length - (kept - front)).collect();
    format!("{begin}…{end}")
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn a_name_that_is_too_long_loses_its_middle() {
        assert_eq!(fit("größe", 5), "größe");
        assert_eq!(fit("a_long_name", 7), "a_l…ame");
        assert_eq!(fit("a_long_name", 6), "a_…ame");
        assert_eq!(fit("ab", 1), "…");
    }
}
