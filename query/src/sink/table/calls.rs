//! Stacks in a table, where few of their calls have room.

use std::borrow::Cow;

/// The innermost calls of a folded stack that fit into `room` characters, with `…;` before them
/// where some are left out. The innermost of all is there, however long its name is.
pub fn innermost(folded: &str, room: usize) -> Cow<'_, str> {
    if folded.chars().count() <= room {
        return Cow::Borrowed(folded);
    }
    let mut start = folded.len();
    let mut length = LEFT_OUT.chars().count();
    for name in folded.rsplit(';') {
        let is_first = start == folded.len();
        length += name.chars().count() + usize::from(!is_first);
        if length > room && !is_first {
            break;
        }
        start -= name.len() + usize::from(!is_first);
    }
    match start {
        0 => Cow::Borrowed(folded),
        _ => Cow::Owned(format!("{LEFT_OUT}{}", &folded[start..])),
    }
}

/// What stands for the calls that are left out.
const LEFT_OUT: &str = "…;";

#[cfg(test)]
mod tests {
    use super::innermost;

    #[test]
    fn the_innermost_calls_are_shown_and_no_name_is_cut() {
        for (room, shown) in [
            (80, "_start;main;größe;read"),
            (22, "_start;main;größe;read"),
            (21, "…;main;größe;read"),
            (17, "…;main;größe;read"),
            (16, "…;größe;read"),
            (12, "…;größe;read"),
            (11, "…;read"),
            (0, "…;read"),
        ] {
            assert_eq!(innermost("_start;main;größe;read", room), shown, "{room}");
        }
        assert_eq!(innermost("a_long_name", 4), "a_long_name");
        assert_eq!(innermost("", 0), "");
    }
}
