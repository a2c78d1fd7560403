//! Stacks of calls: what a column of type [`ColumnType::Stack`](crate::ColumnType::Stack) holds.
//!
//! A cell has a line for each frame, from the outermost to the innermost, with four fields:
//!
//! ```text
//! function TAB module TAB build id TAB offset in hexadecimal digits NEWLINE
//! ```
//! The module is the path of the file that the code is from, or a name in brackets (`[kernel]`,
//! `[ext4]`, `[vdso]`); the offset is that of the address in the file, so that whoever has the file
//! or its debug information can tell lines and inlined functions later. Each field may be empty: code
//! made at run time has no module, and its offset is the address.

use crate::text::readable;
use std::borrow::Cow;
use std::io::Write;

/// What stands for the rest of a stack that was deeper than what was read of it.
pub const TRUNCATED: &str = "[truncated]";

/// What stands for all of a stack that there was no time to read.
pub const SKIPPED: &str = "[skipped]";

/// What stands for the rest of a stack while the process, or the server of its file, does not answer.
pub const NO_ANSWER: &str = "[no answer]";

/// What a frame is called of which nothing is known.
const UNKNOWN: &str = "[unknown]";

/// One call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frame<'a> {
    /// The function, empty where it is not known.
    pub function: &'a [u8],
    /// The file that the code is from, or a name in brackets.
    pub module: &'a [u8],
    /// The build id of the file, in hexadecimal digits.
    pub build_id: &'a [u8],
    /// Where in the file the address is; in the kernel, how far behind its beginning.
    pub offset: u64,
}

impl<'a> Frame<'a> {
    /// What people call it: the function, or else the module's name and the offset.
    pub fn name(&self) -> Cow<'a, str> {
        if !self.function.is_empty() {
            return readable(self.function);
        }
        if self.module.is_empty() && self.offset == 0 {
            return Cow::Borrowed(UNKNOWN);
        }
        let module = self.module.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        match module.is_empty() {
            true => Cow::Owned(format!("{:#x}", self.offset)),
            false => Cow::Owned(format!("{}+{:#x}", readable(module), self.offset)),
        }
    }

    /// Whether it is code of the kernel.
    pub fn is_of_kernel(&self) -> bool {
        self.module.first() == Some(&b'[') && self.module != b"[vdso]"
    }

    fn from_line(line: &'a [u8]) -> Frame<'a> {
        let mut fields = line.splitn(4, |byte| *byte == b'\t');
        let mut field = || fields.next().unwrap_or_default();
        let (function, module, build_id) = (field(), field(), field());
        let offset = std::str::from_utf8(field()).ok();
        let offset = offset.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        Frame { function, module, build_id, offset: offset.unwrap_or(0) }
    }
}

/// Appends a frame to a cell: one that the frames before called.
pub fn put_frame(cell: &mut Vec<u8>, frame: &Frame<'_>) {
    for field in [frame.function, frame.module, frame.build_id] {
        let plain = |byte: &u8| if matches!(byte, b'\t' | b'\n') { b' ' } else { *byte };
        cell.extend(field.iter().map(plain));
        cell.push(b'\t');
    }
    // Writing to a vector does not fail.
    let _ = writeln!(cell, "{:x}", frame.offset);
}

/// The frames of a cell, from the outermost to the innermost.
pub fn frames(cell: &[u8]) -> impl DoubleEndedIterator<Item = Frame<'_>> {
    let lines = cell.strip_suffix(b"\n").unwrap_or(cell);
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(Frame::from_line)
}

/// A cell as it is folded: the names of its frames from the outermost to the innermost, `;` between
/// them. A `;` in a name becomes `:`.
pub fn folded(cell: &[u8]) -> String {
    let mut text = String::new();
    for frame in frames(cell) {
        if !text.is_empty() {
            text.push(';');
        }
        text.extend(frame.name().chars().map(|letter| if letter == ';' { ':' } else { letter }));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Frame, folded, frames, put_frame};
    use proptest::prelude::*;

    fn cell(all: &[Frame<'_>]) -> Vec<u8> {
        let mut cell = Vec::new();
        all.iter().for_each(|frame| put_frame(&mut cell, frame));
        cell
    }

    #[test]
    fn a_frame_is_called_by_what_is_known_of_it() {
        let (function, module) = (b"read".as_slice(), b"/usr/lib/libc.so.6".as_slice());
        let frame = Frame { function, module, build_id: b"ab12", offset: 0x1f };
        assert_eq!(frame.name(), "read");
        assert_eq!(Frame { function: b"", ..frame }.name(), "libc.so.6+0x1f");
        assert_eq!(Frame { offset: 0xffff, ..Frame::default() }.name(), "0xffff");
        assert_eq!(Frame::default().name(), "[unknown]");
        assert!(!frame.is_of_kernel() && Frame { module: b"[ext4]", ..frame }.is_of_kernel());
    }

    #[test]
    fn a_stack_is_folded_from_the_outermost_frame_and_no_name_looks_like_two() {
        let named = |function| Frame { function, ..Frame::default() };
        let folded = folded(&cell(&[named(b"main"), named(b"<[u8; 4]>::fill"), named(b"memset")]));
        assert_eq!(folded, "main;<[u8: 4]>::fill;memset");
    }

    proptest! {
        #[test]
        fn frames_come_back_as_they_went_in_and_no_bytes_are_too_strange(
            fields in proptest::collection::vec(
                ("[^\t\n]{0,9}", "[^\t\n]{0,9}", "[0-9a-f]{0,8}", any::<u64>()), 0..9),
            bytes in proptest::collection::vec(any::<u8>(), 0..99),
        ) {
            let all: Vec<Frame<'_>> = fields
                .iter()
                .map(|(function, module, build_id, offset)| Frame {
                    function: function.as_bytes(),
                    module: module.as_bytes(),
                    build_id: build_id.as_bytes(),
                    offset: *offset,
                })
                .collect();
            let cell = cell(&all);
            prop_assert_eq!(frames(&cell).collect::<Vec<_>>(), all);
            folded(&bytes);
        }
    }
}
