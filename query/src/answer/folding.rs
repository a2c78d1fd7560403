//! Stacks as they are read: folded, where a chunk enters the answer. Whatever follows sees text.

use nodemon_formats::narrow::count32;
use nodemon_formats::reader::{Chunk, Strings, Summary, Words};
use nodemon_formats::stack::folded;
use nodemon_formats::{ColumnType, Schema};
use std::collections::HashMap;

/// Makes the words of every stack of a chunk those of its folded text.
pub fn fold_chunk(chunk: &mut Chunk) {
    let instances = chunk.instances.len();
    let mut folding = Folding::default();
    for s in stacks(&chunk.schema, &chunk.selected) {
        for cells in &mut chunk.cells[s * instances..(s + 1) * instances] {
            match &mut cells.words {
                Words::Constant(word) => *word = folding.fold(*word, &mut chunk.strings),
                Words::Each(words) => {
                    let strings = &mut chunk.strings;
                    let folded: Vec<u64> =
                        words.iter().map(|word| folding.fold(*word, strings)).collect();
                    *words = folded.into();
                }
            }
        }
    }
}

/// The same of a summary.
pub fn fold_summary(summary: &mut Summary) {
    let instances = summary.instances.len();
    let mut folding = Folding::default();
    for s in stacks(&summary.schema, &summary.selected) {
        for column in &mut summary.columns[s * instances..(s + 1) * instances] {
            column.first = folding.fold(column.first, &mut summary.strings);
            column.last = folding.fold(column.last, &mut summary.strings);
        }
    }
}

/// Which of the selected columns are stacks.
fn stacks(schema: &Schema, selected: &[usize]) -> Vec<usize> {
    let is_stack = |column: usize| {
        schema.row_columns().nth(column).is_some_and(|column| column.kind == ColumnType::Stack)
    };
    (0..selected.len()).filter(|s| is_stack(selected[*s])).collect()
}

/// The words of stacks that were folded, and those of their text.
#[derive(Default)]
struct Folding(HashMap<u64, u64>);

impl Folding {
    /// The word of the folded text, which is behind all other strings.
    fn fold(&mut self, word: u64, strings: &mut Strings) -> u64 {
        *self.0.entry(word).or_insert_with(|| {
            let text = folded(strings.get(word));
            strings.bytes.extend_from_slice(text.as_bytes());
            strings.ends.push(count32(strings.bytes.len()));
            strings.ends.len() as u64 - 1
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::fold_chunk;
    use nodemon_formats::reader::{Cells, Chunk, Presence, Strings, Words};
    use nodemon_formats::stack::{Frame, put_frame};
    use nodemon_formats::{ColumnType, Schema, Value};
    use std::sync::Arc;

    #[test]
    fn stacks_become_text_each_once_and_other_columns_keep_their_words() {
        let mut strings = Strings::default();
        let mut put = |bytes: &[u8]| {
            strings.bytes.extend_from_slice(bytes);
            strings.ends.push(strings.bytes.len() as u32);
        };
        let cell = |names: &[&str]| {
            let mut cell = Vec::new();
            for name in names {
                let function = name.as_bytes();
                put_frame(&mut cell, &Frame { function, offset: 7, ..Frame::default() });
            }
            cell
        };
        put(&cell(&["main", "read"]));
        put(b"nginx");
        put(&cell(&["main"]));
        let schema = Schema::event("stack_cpu", "a test", "")
            .state("command", ColumnType::String, "")
            .state("stack", ColumnType::Stack, "")
            .state("other", ColumnType::Stack, "");
        let cells = |words| Cells { words, present: Presence::All };
        let mut chunk = Chunk {
            schema: Arc::new(schema),
            times: vec![1, 2, 3],
            boot_times: vec![1, 2, 3],
            instances: vec![Vec::new()],
            selected: vec![0, 1, 2],
            cells: vec![
                cells(Words::Constant(1)),
                cells(Words::Each(vec![0, 2, 0].into())),
                cells(Words::Constant(2)),
            ],
            present: vec![Presence::All],
            strings,
        };
        fold_chunk(&mut chunk);
        let text = |s: usize, row: usize| {
            chunk.strings.value(ColumnType::String, chunk.cells(s, 0).words.at(row))
        };
        let is = |value: &str| Value::String(value.to_owned());
        assert_eq!(
            [0, 1, 2].map(|row| text(1, row)),
            [is("main;read"), is("main"), is("main;read")]
        );
        assert_eq!((text(0, 1), text(2, 1)), (is("nginx"), is("main")));
        assert_eq!(chunk.strings.ends.len(), 5, "each stack is folded once");
    }
}
