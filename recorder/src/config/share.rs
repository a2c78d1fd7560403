//! A size, or a part of the ring.

use nodemon_formats::narrow::whole;
use nodemon_formats::units::parse_size;
use std::str::FromStr;

/// A size, or a part of the ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// Bytes.
    Bytes(u64),
    /// So many hundredths of the ring.
    Percent(f64),
}

impl Share {
    /// Bytes of a ring of this size.
    pub fn bytes_of(self, ring_bytes: u64) -> u64 {
        match self {
            Share::Bytes(bytes) => bytes,
            Share::Percent(percent) => whole(ring_bytes as f64 * percent / 100.0),
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let wrong = || format!("`{text}` is neither a size such as 512MiB nor a part such as 10%");
        match text.trim().strip_suffix('%') {
            Some(number) => {
                let percent: f64 = number.trim().parse().map_err(|_| wrong())?;
                let is_part = (0.0..=100.0).contains(&percent);
                if is_part { Ok(Share::Percent(percent)) } else { Err(wrong()) }
            }
            None => parse_size(text).map(Share::Bytes).map_err(|_| wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Share;

    #[test]
    fn a_share_is_a_size_or_a_part_of_the_ring() {
        let bytes = |text: &str| text.parse::<Share>().map(|share| share.bytes_of(1000));
        assert_eq!(bytes("10%"), Ok(100));
        assert_eq!(bytes("2.5 %"), Ok(25));
        assert_eq!(bytes("0"), Ok(0));
        assert_eq!(bytes("1KiB"), Ok(1024));
        for text in ["", "%", "-1%", "101%", "nan%", "inf%", "ten", "-5"] {
            assert!(bytes(text).is_err(), "{text:?} was taken for a share");
        }
    }
}
