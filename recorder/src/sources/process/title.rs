//! `/proc/PID/cmdline`: the command line, as one line of text.

/// Longer command lines are cut. Every record holds them, and what follows is seldom missed.
pub const TITLE_BYTES: usize = 256;

/// Writes the arguments in `text`, which end with a zero byte each, into `title`, with a blank
/// between any two.
pub fn write(text: &[u8], title: &mut Vec<u8>) {
    let end = text.iter().rposition(|&byte| byte != 0 && byte != b' ').map_or(0, |last| last + 1);
    let whole = text.get(..end).unwrap_or_default();
    let cut = if whole.len() > TITLE_BYTES { boundary(whole) } else { whole.len() };
    title.clear();
    title.extend(whole.iter().take(cut).map(|&byte| if byte < b' ' { b' ' } else { byte }));
    if cut < whole.len() {
        title.extend_from_slice("…".as_bytes());
    }
}

/// Where to cut, which is not within a character.
fn boundary(text: &[u8]) -> usize {
    let limit = TITLE_BYTES - "…".len();
    let inside = |&at: &usize| text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (limit.saturating_sub(3)..=limit).rev().find(|at| !inside(at)).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{TITLE_BYTES, write};
    use proptest::prelude::*;

    fn written(text: &[u8]) -> Vec<u8> {
        let mut title = b"before".to_vec();
        write(text, &mut title);
        title
    }

    #[test]
    fn arguments_stand_on_one_line() {
        assert_eq!(written(b"sleep\x00100\x00"), b"sleep 100");
        assert_eq!(written(b"sh\x00-c\x00a\nb\x00"), b"sh -c a b");
        assert_eq!(written(b"nginx: worker process\x00\x00\x00\x00"), b"nginx: worker process");
        assert_eq!(written(b""), b"");
        assert_eq!(written(b"\x00\x00"), b"");
    }

    proptest! {
        #[test]
        fn a_long_one_is_cut_between_characters(text in "\\PC{0,300}") {
            let title = written(text.as_bytes());
            prop_assert!(title.len() <= TITLE_BYTES);
            let title = str::from_utf8(&title).unwrap();
            match title.strip_suffix('…') {
                Some(start) if text.len() > TITLE_BYTES => prop_assert!(text.starts_with(start)),
                _ => prop_assert_eq!(title, text.trim_end_matches(' ')),
            }
        }
    }
}
