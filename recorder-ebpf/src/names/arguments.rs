//! Arguments of a program.

use super::Names;

/// Arguments one behind the other, each with a zero byte at its end, as the kernel has them; shown
/// with spaces between.
pub fn arguments(_: &mut Names, bytes: &[u8], text: &mut Vec<u8>) {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    text.extend(bytes[..end].iter().map(|byte| if *byte == 0 { b' ' } else { *byte }));
}
