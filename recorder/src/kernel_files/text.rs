//! Reading the text of the kernel: lines, fields, numbers. Nothing here allocates, and nothing
//! panics whatever the text is: what cannot be read is `None`, and the caller says what that means.

use std::iter::FusedIterator;

/// The lines of `text`, without their line feeds. A last line without one counts as well.
pub fn lines(text: &[u8]) -> Lines<'_> {
    Lines { rest: text }
}

/// Iterator of [`lines`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        match split_once(self.rest, b'\n') {
            Some((line, rest)) => {
                self.rest = rest;
                Some(line)
            }
            None => Some(std::mem::take(&mut self.rest)),
        }
    }
}

impl FusedIterator for Lines<'_> {}

/// What stands before and after the first `separator`.
#[inline]
pub fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// What stands before and after the last `separator`.
pub fn rsplit_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memrchr(separator, text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// `text` without blanks at either end.
pub fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().take_while(|&&byte| is_blank(byte)).count();
    let text = text.get(start..).unwrap_or_default();
    let end = text.iter().rev().take_while(|&&byte| is_blank(byte)).count();
    text.get(..text.len() - end).unwrap_or_default()
}

/// The number that `text` begins with, and what follows its last digit. `None` when it does not
/// begin with a digit. A number beyond 64 bits, which no kernel prints, is `u64::MAX`.
#[inline]
pub fn leading_u64(text: &[u8]) -> Option<(u64, &[u8])> {
    // Nineteen digits always fit; only after that can a multiplication overflow.
    const SAFE_DIGITS: usize = 19;
    let mut value: u64 = 0;
    let mut digits = 0;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        let digit = u64::from(digit);
        value = if digits < SAFE_DIGITS {
            value * 10 + digit
        } else {
            value.saturating_mul(10).saturating_add(digit)
        };
        digits += 1;
    }
    if digits == 0 { None } else { Some((value, text.get(digits..)?)) }
}

/// The whole of `text` as a number.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    match leading_u64(text)? {
        (value, []) => Some(value),
        _ => None,
    }
}

/// The whole of `text` as a number that may be negative. Beyond 64 bits it is the nearest `i64`.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', magnitude @ ..] => Some(0i64.saturating_sub_unsigned(parse_u64(magnitude)?)),
        _ => Some(0i64.saturating_add_unsigned(parse_u64(text)?)),
    }
}

/// The whole of `text` as a decimal fraction: `0.42`.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// The fields of a line, from left to right. Fields are separated by blanks (spaces and tabs).
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `line`.
    #[inline]
    pub fn new(line: &'a [u8]) -> Fields<'a> {
        Fields { rest: line }
    }

    /// The next field as it stands.
    #[inline]
    pub fn word(&mut self) -> Option<&'a [u8]> {
        let text = self.skip_blanks();
        let length = text.iter().take_while(|&&byte| !is_blank(byte)).count();
        if length == 0 {
            return None;
        }
        let (word, rest) = text.split_at_checked(length)?;
        self.rest = rest;
        Some(word)
    }

    /// The next field if it is a number. If it is something else the answer is `None`, and the
    /// field is still the next one.
    #[inline]
    pub fn u64(&mut self) -> Option<u64> {
        let (value, rest) = leading_u64(self.skip_blanks())?;
        if rest.first().is_some_and(|&byte| !is_blank(byte)) {
            return None;
        }
        self.rest = rest;
        Some(value)
    }

    /// The next field if it is a number that may be negative; see [`Fields::u64`].
    pub fn i64(&mut self) -> Option<i64> {
        self.take(parse_i64)
    }

    /// The next field if it is a decimal fraction; see [`Fields::u64`].
    pub fn f64(&mut self) -> Option<f64> {
        self.take(parse_f64)
    }

    /// Leaves out `count` fields.
    pub fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.word();
        }
    }

    /// What was not taken yet, blanks included.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take<T>(&mut self, parse: impl Fn(&'a [u8]) -> Option<T>) -> Option<T> {
        let mut ahead = self.clone();
        let value = parse(ahead.word()?)?;
        *self = ahead;
        Some(value)
    }

    #[inline]
    fn skip_blanks(&mut self) -> &'a [u8] {
        // Most of /proc/interrupts is blanks before a 0, eleven bytes a CPU.
        const BLANKS: usize = 8;
        while let Some((blanks, rest)) = self.rest.split_first_chunk::<BLANKS>()
            && *blanks == [b' '; BLANKS]
        {
            self.rest = rest;
        }
        while let [first, rest @ ..] = self.rest
            && is_blank(*first)
        {
            self.rest = rest;
        }
        self.rest
    }
}

#[inline]
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Fields, leading_u64, lines, parse_f64, parse_i64, parse_u64, rsplit_once, trim};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_reads_back_and_those_beyond_64_bits_saturate(value: u128, negative: bool) {
            let text = value.to_string();
            let expected = u64::try_from(value).unwrap_or(u64::MAX);
            prop_assert_eq!(parse_u64(text.as_bytes()), Some(expected));
            let signed = if negative { format!("-{text}") } else { text };
            let whole: i128 = signed.parse().unwrap_or(if negative { i128::MIN } else { i128::MAX });
            let expected = whole.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
            prop_assert_eq!(parse_i64(signed.as_bytes()), Some(expected));
        }

        #[test]
        fn small_numbers_read_back(value: u64, zeros in 0usize..30) {
            let text = format!("{}{value}", "0".repeat(zeros));
            prop_assert_eq!(parse_u64(text.as_bytes()), Some(value));
        }

        #[test]
        fn a_row_of_numbers_reads_back_whatever_blanks_stand_between(
            values: Vec<u64>, blanks in prop::collection::vec("[ \t]{1,12}| {1,40}", 64),
        ) {
            let mut line = String::new();
            for (value, blank) in values.iter().zip(blanks.iter().cycle()) {
                line += blank;
                line += &value.to_string();
            }
            let mut fields = Fields::new(line.as_bytes());
            for value in &values {
                prop_assert_eq!(fields.u64(), Some(*value));
            }
            prop_assert_eq!(fields.u64(), None);
            prop_assert_eq!(fields.word(), None);
        }

        #[test]
        fn words_and_lines_are_those_of_the_standard_library(text in "[a-c0-9 \t\n-]{0,80}") {
            let ours: Vec<&[u8]> = lines(text.as_bytes()).collect();
            let theirs: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
            prop_assert_eq!(&ours, &theirs);
            for line in ours {
                let mut fields = Fields::new(line);
                let words: Vec<&[u8]> = std::iter::from_fn(|| fields.word()).collect();
                let theirs: Vec<&[u8]> =
                    str::from_utf8(line).unwrap().split_whitespace().map(str::as_bytes).collect();
                prop_assert_eq!(words, theirs);
                prop_assert_eq!(trim(line), line.trim_ascii());
            }
        }

        #[test]
        fn no_text_makes_it_panic_and_a_field_that_is_no_number_stays(text: Vec<u8>) {
            for line in lines(&text) {
                let mut fields = Fields::new(line);
                loop {
                    let before = fields.clone();
                    let number = fields.u64().is_some();
                    let signed = before.clone().i64();
                    if !number {
                        let Some(word) = fields.word() else { break };
                        prop_assert_eq!(parse_u64(word), None);
                        prop_assert_eq!(before.clone().f64().is_some(), parse_f64(word).is_some());
                    } else {
                        prop_assert!(signed.is_some());
                    }
                }
            }
            leading_u64(&text);
            rsplit_once(&text, b':');
            trim(&text);
        }
    }

    #[test]
    fn fractions_are_those_of_the_standard_library() {
        for text in ["0.00", "1.25", "12345.67", "99.99"] {
            assert_eq!(parse_f64(text.as_bytes()), text.parse().ok());
        }
        assert_eq!(parse_f64(b"0.1x"), None);
    }
}
