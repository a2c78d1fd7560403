//! Text that others chose: names of commands, mounts, groups, hosts, tables.
//!
//! Whoever names a process may put anything into its name: an escape sequence that repaints the
//! terminal of who reads it, a line that looks like one of ours, letters that turn the rest of the
//! line around. On its way to a terminal all such text goes through [`printable`]. Files for
//! programs (CSV, JSON, Parquet) hold it as it is.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` for a terminal: every character that would do something rather than be seen is written as
/// in Rust, `\u{1b}`, `\n`. Control characters (C0, C1), those that turn or join text (bidi and
/// format characters), those that take no room, and separators of lines and paragraphs. What is left
/// is one line whose characters all stand where they are read.
///
/// A backslash stays as it is: names of control groups have some (`\x2d`).
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_unprintable(character) {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Whether a character does something to a terminal or to its neighbours, or cannot be seen.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'                    // soft hyphen
            | '\u{61c}'                 // Arabic letter mark
            | '\u{180e}'                // Mongolian vowel separator
            | '\u{200b}'..='\u{200f}'   // of no width, and marks of direction
            | '\u{2028}'..='\u{202e}'   // ends of lines and paragraphs, directions
            | '\u{2060}'..='\u{206f}'   // joiners, invisible operators, directions
            | '\u{feff}'                // byte order mark
            | '\u{fff9}'..='\u{fffb}'   // annotations
            | '\u{e0000}'..='\u{e007f}' // tags
        )
}

/// Bytes that should be UTF-8 as text. Bytes that are not are written `\xff` each, so that two names
/// which differ in them stay two.
pub fn readable(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    Cow::Owned(text)
}

/// Breaks `text` between words into lines of up to `room` characters. A word that is longer has a
/// line of its own.
pub fn wrap(text: &str, room: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut end, mut length) = (0, 0, 0);
    for word in text.split_inclusive(' ') {
        let shown = word.trim_end_matches(' ').chars().count();
        if length + shown > room && end > start {
            lines.extend(text.get(start..end).map(|line| line.trim_end_matches(' ')));
            (start, length) = (end, 0);
        }
        length += word.chars().count();
        end += word.len();
    }
    lines.extend(text.get(start..end).map(|line| line.trim_end_matches(' ')));
    lines
}

#[cfg(test)]
mod tests {
    use super::{is_unprintable, printable, readable, wrap};
    use proptest::prelude::*;

    #[test]
    fn texts_are_broken_between_words_and_words_never() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one two three", 3), ["one", "two", "three"]);
        assert_eq!(wrap("größe größe", 5), ["größe", "größe"]);
        assert_eq!(wrap("a-word-that-is-long b", 4), ["a-word-that-is-long", "b"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("one two", usize::MAX), ["one two"]);
    }

    #[test]
    fn what_would_act_on_a_terminal_is_spelt_and_the_rest_is_left_alone() {
        for (text, shown) in [
            ("nginx: worker", "nginx: worker"),
            ("dev-disk\\x2dby.mount", "dev-disk\\x2dby.mount"),
            ("größe 東京 🦀", "größe 東京 🦀"),
            ("\x1b]0;pwn\x07", "\\u{1b}]0;pwn\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{7f}", "\\u{7f}"),
            ("a\n-- gap forged", "a\\n-- gap forged"),
            ("gpj\u{202e}exe", "gpj\\u{202e}exe"),
            (
                "\u{200b}\u{2066}\u{feff}\u{ad}\u{e0041}",
                "\\u{200b}\\u{2066}\\u{feff}\\u{ad}\\u{e0041}",
            ),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn names_that_differ_in_bytes_that_are_no_text_stay_two() {
        assert_eq!(readable(b"plain"), "plain");
        assert_eq!(readable(b"a\xffb"), "a\\xffb");
        assert_ne!(readable(b"\xff"), readable(b"\xfe"));
        assert_eq!(readable(b"\xe2\x82"), "\\xe2\\x82", "cut off in a character");
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left_and_what_is_fit_for_a_terminal_stays_the_same(text in any::<String>()) {
            let shown = printable(&text);
            prop_assert!(!shown.contains(is_unprintable), "{:?}", shown);
            prop_assert_eq!(&printable(&shown), &shown);
        }

        #[test]
        fn names_of_bytes_keep_their_difference(a in prop::collection::vec(0x80u8..=255, 0..6), b in prop::collection::vec(0x80u8..=255, 0..6)) {
            prop_assert_eq!(readable(&a) == readable(&b), a == b);
        }
    }
}
