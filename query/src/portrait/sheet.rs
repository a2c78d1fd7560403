//! The page: headings, facts and lists that fit it.

use crate::listing::show_many;
use crate::stacks::{Page, fit};
use nodemon_formats::text::{printable, wrap};

/// The most lines of a list.
pub const MOST: usize = 5;
/// Characters of the name of a fact, with the space before and behind it.
const NAME: usize = 18;
/// What is wrapped has at least so many.
const LEAST: usize = 24;

/// A page that is being written.
pub struct Sheet<'p> {
    page: &'p Page,
    text: String,
}

impl<'p> Sheet<'p> {
    /// An empty one.
    pub fn new(page: &'p Page) -> Sheet<'p> {
        Sheet { page, text: String::new() }
    }

    /// What was written.
    pub fn text(self) -> String {
        self.text
    }

    /// The first line of a part, behind an empty one.
    pub fn part(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let name = printable(name);
        for line in self.broken(&name, 0) {
            self.page.heading(&line, &mut self.text);
        }
    }

    /// A fact with its name. It may hold text that others chose.
    pub fn fact(&mut self, name: &str, value: &str) {
        let value = printable(value);
        for (number, line) in self.broken(&value, NAME).into_iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            let line = format!("  {name:<width$}{line}", width = NAME - 2);
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    /// A fact, where it is known.
    pub fn known(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.fact(name, &value);
        }
    }

    /// A line of a list: figures, and a name without its middle where there is no room for it.
    pub fn item(&mut self, figures: &str, name: &str) {
        let (figures, name) = (printable(figures), printable(name));
        let before = figures.chars().count() + 6;
        let name = match self.page.room {
            Some(room) => fit(&name, room.saturating_sub(before)),
            None => name.into_owned(),
        };
        self.text.push_str(format!("    {figures}  {name}").trim_end());
        self.text.push('\n');
    }

    /// A line of a list with something more, where there is room for that.
    pub fn item_with(&mut self, figures: &str, name: &str, more: &str) {
        let both = format!("{name}  {more}");
        let length = |text: &str| printable(text).chars().count();
        let fits = |room| length(figures) + 6 + length(&both) <= room;
        let is_whole = self.page.room.is_none_or(fits);
        self.item(figures, if is_whole { both.trim_end() } else { name });
    }

    /// That a list has more.
    pub fn more(&mut self, all: u64, shown: usize, noun: &str) {
        if let Some(more) = all.checked_sub(shown as u64).filter(|more| *more > 0) {
            self.item("...", &show_many(more, &format!("more {noun}")));
        }
    }

    /// What should be known of the page.
    pub fn note(&mut self, note: &str) {
        let note = printable(note);
        for line in self.broken(&note, 3) {
            self.page.head(&line, &mut self.text);
        }
    }

    /// Text in lines that fit behind `indent` characters; words that are too long are cut in two.
    fn broken(&self, text: &str, indent: usize) -> Vec<String> {
        let Some(room) = self.page.room else { return vec![text.to_owned()] };
        let room = room.saturating_sub(indent).max(LEAST);
        let mut lines = Vec::new();
        for line in wrap(text, room) {
            let characters: Vec<char> = line.chars().collect();
            match characters.is_empty() {
                true => lines.push(String::new()),
                false => lines.extend(characters.chunks(room).map(|part| part.iter().collect())),
            }
        }
        lines
    }
}
