//! A place in a buffer of text, and numbers written straight to it.
//!
//! CSV is mostly digits. Written eight at a time into room that is known to be there, a row of a
//! time, a key and a counter takes half of what it takes to format each field and copy it behind
//! the last.

/// Room behind the text that [`Cursor::integer`] may write to and take back.
pub const SLACK: usize = 8;

/// A place in a buffer that was made large enough.
pub struct Cursor<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The begin of `bytes`, which must have [`SLACK`] more than what will be written.
    pub fn new(bytes: &'a mut [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.at
    }

    /// Writes a byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.bytes[self.at] = byte;
        self.at += 1;
    }

    /// Writes text.
    #[inline]
    pub fn text(&mut self, text: &[u8]) {
        self.bytes[self.at..self.at + text.len()].copy_from_slice(text);
        self.at += text.len();
    }

    /// Writes text of a length that the compiler knows, which is a few moves.
    #[inline]
    pub fn array<const N: usize>(&mut self, text: &[u8; N]) {
        self.place(text);
        self.at += N;
    }

    #[inline]
    fn place<const N: usize>(&mut self, text: &[u8; N]) {
        if let Some(place) = self.bytes[self.at..].first_chunk_mut() {
            *place = *text;
        }
    }

    /// Writes an integer in decimal.
    #[inline]
    pub fn integer(&mut self, value: u64) {
        const EIGHT: u64 = 100_000_000;
        if value < EIGHT {
            self.leading(value);
        } else if value < EIGHT * EIGHT {
            self.leading(value / EIGHT);
            self.array(&eight_digits(value % EIGHT));
        } else {
            self.leading(value / EIGHT / EIGHT);
            self.array(&eight_digits(value / EIGHT % EIGHT));
            self.array(&eight_digits(value % EIGHT));
        }
    }

    /// Writes a signed integer in decimal.
    #[inline]
    pub fn signed(&mut self, value: i64) {
        if value < 0 {
            self.byte(b'-');
        }
        self.integer(value.unsigned_abs());
    }

    /// Writes up to eight digits without zeros in front.
    #[inline]
    fn leading(&mut self, value: u64) {
        let digits = u64::from_le_bytes(eight_digits(value));
        let zeros = ((digits ^ ZEROS) | (1 << 56)).trailing_zeros() / 8;
        self.place(&(digits >> (8 * zeros)).to_le_bytes());
        self.at += 8 - zeros as usize;
    }
}

/// `00000000`
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight digits of a value below 10^8. All of them at once: halves, quarters and eighths of the
/// number are split in lanes of one word, where x / 100 is x * 10486 >> 20 and x / 10 is
/// x * 103 >> 10, exact for what can be there.
#[inline]
pub fn eight_digits(value: u64) -> [u8; 8] {
    let halves = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x7f_0000_007f;
    let quarters = hundreds | ((halves - hundreds * 100) << 16);
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    (ZEROS | tens | ((quarters - tens * 10) << 8)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Cursor, SLACK, eight_digits};
    use proptest::prelude::*;

    fn written(write: impl Fn(&mut Cursor<'_>)) -> String {
        let mut bytes = [b'#'; 20 + SLACK];
        let mut cursor = Cursor::new(&mut bytes);
        write(&mut cursor);
        let length = cursor.len();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[test]
    fn every_number_of_digits_and_its_neighbours_are_written() {
        for exponent in 0..20 {
            let power = 10u64.pow(exponent);
            for value in [power - 1, power, power + 1, power.saturating_mul(9)] {
                assert_eq!(written(|cursor| cursor.integer(value)), value.to_string());
            }
        }
        assert_eq!(written(|cursor| cursor.integer(u64::MAX)), u64::MAX.to_string());
        assert_eq!(written(|cursor| cursor.signed(i64::MIN)), i64::MIN.to_string());
    }

    #[test]
    fn four_digits_are_right_in_both_halves() {
        for value in 0..10_000u64 {
            let text = format!("{value:04}");
            let eight = eight_digits(value * 10_000 + value);
            assert_eq!(eight, *format!("{text}{text}").as_bytes(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_everybody_writes_them(value in any::<u64>(), shift in 0..64u32) {
            let value = value >> shift;
            prop_assert_eq!(written(|cursor| cursor.integer(value)), value.to_string());
            let signed = value.cast_signed();
            prop_assert_eq!(written(|cursor| cursor.signed(signed)), signed.to_string());
        }
    }
}
