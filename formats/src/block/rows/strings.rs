//! Numbers of the strings of records: those here, which are of text or of stacks.

use super::Rows;
use crate::narrow::{index, low_half};
use crate::record::RecordView;
use std::borrow::Cow;

/// The number of a string of a record that has none here yet.
const UNKNOWN: u32 = u32::MAX;

impl Rows {
    /// Gives the strings of a record numbers; where some are stacks, each when it is met.
    pub(super) fn map_strings(&mut self, record: &RecordView<'_>) {
        self.string_map.clear();
        if self.stack_columns.is_empty() {
            let strings = (0..record.strings()).map(|at| record.string(at));
            self.string_map.extend(strings.map(|string| self.strings.intern(string)));
            return;
        }
        self.stack_map.clear();
        for map in [&mut self.string_map, &mut self.stack_map] {
            map.resize(record.strings(), UNKNOWN);
        }
    }

    /// The number here of a string of the record. A number beyond the record's strings can only
    /// come from a damaged source; it becomes the empty string.
    pub(super) fn string_number(&mut self, record: &RecordView<'_>, word: u64) -> u64 {
        let at = index(word);
        u64::from(match self.string_map.get(at) {
            None => self.strings.intern(b""),
            Some(&UNKNOWN) => {
                let number = self.strings.intern(record.string(at));
                self.string_map[at] = number;
                number
            }
            Some(number) => *number,
        })
    }

    /// The same of one that is a stack.
    fn stack_number(&mut self, record: &RecordView<'_>, word: u64) -> u64 {
        let at = index(word);
        if let Some(number) = self.stack_map.get(at).filter(|number| **number != UNKNOWN) {
            return u64::from(*number);
        }
        let Rows { stacks, strings, .. } = self;
        let number = stacks.intern(record.string(at), || strings.number_elsewhere());
        let Some(number) = number else { return self.string_number(record, word) };
        if let Some(known) = self.stack_map.get_mut(at) {
            *known = number;
        }
        u64::from(number)
    }

    /// The cell of a string column whose number is `word`.
    pub fn text(&self, word: u64) -> Cow<'_, [u8]> {
        match self.stacks.get(low_half(word)) {
            Some(stack) => Cow::Owned(stack),
            None => Cow::Borrowed(self.strings.get(low_half(word))),
        }
    }

    /// The number of a cell of a string column.
    pub(super) fn number_in(&mut self, record: &RecordView<'_>, column: usize, word: u64) -> u64 {
        match self.stack_columns.contains(&column) {
            true => self.stack_number(record, word),
            false => self.string_number(record, word),
        }
    }
}
