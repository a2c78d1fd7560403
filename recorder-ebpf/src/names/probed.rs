//! Functions of programs and libraries that are looked at.

use super::{Names, put_number, word_32};

/// What the configuration calls the function of that number.
pub fn probed(names: &mut Names, number: &[u8], text: &mut Vec<u8>) {
    let number = word_32(number);
    let known = usize::try_from(number).ok().and_then(|number| names.probed.get(number));
    match known {
        Some(name) => text.extend_from_slice(name.as_bytes()),
        None => put_number(number, text),
    }
}
